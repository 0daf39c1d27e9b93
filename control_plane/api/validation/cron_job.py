"""What a CronJob must be.

Source: Kubernetes `pkg/apis/batch/validation/validation.go` (ValidateCronJobCreate).
"""

from __future__ import annotations

from control_plane.api.validation import job
from control_plane.api.validation.metadata import check_annotations, check_labels
from control_plane.api.validation.problems import Problems
from control_plane.schedules import BadSchedule, read_schedule, read_zone
from proto.objects.batch import CronJob, CronJobSpec

NAME_LENGTH_MAX = 52
"""A Job's name is a dash and ten digits longer, and is a label of its pods."""


def check(cron_job: CronJob, problems: Problems) -> None:
    """A CronJob."""
    spec, template = cron_job.spec, cron_job.spec.job_template
    if len(cron_job.metadata.name) > NAME_LENGTH_MAX:
        problems.invalid("metadata.name", cron_job.metadata.name, f"must be no more than {NAME_LENGTH_MAX} characters")
    _check_schedule(spec, problems)
    if spec.time_zone is not None:
        _check_zone(spec.time_zone, problems)
    check_labels(template.metadata.labels, "spec.jobTemplate.metadata.labels", problems)
    check_annotations(template.metadata.annotations, "spec.jobTemplate.metadata.annotations", problems)
    job.check_spec(template.spec, "spec.jobTemplate.spec", problems)
    if template.spec.selector is not None:
        problems.invalid("spec.jobTemplate.spec.selector", template.spec.selector, "`selector` will be auto-generated")
    if template.spec.manual_selector:
        problems.unsupported("spec.jobTemplate.spec.manualSelector", True, ("nil", "false"))


def _check_schedule(spec: CronJobSpec, problems: Problems) -> None:
    if not spec.schedule:
        problems.required("spec.schedule")
    elif "TZ" in spec.schedule:
        words = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        if spec.time_zone is not None:
            words = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
        problems.invalid("spec.schedule", spec.schedule, words)
    else:
        try:
            read_schedule(spec.schedule)
        except BadSchedule as error:
            problems.invalid("spec.schedule", spec.schedule, str(error))


def _check_zone(zone: str, problems: Problems) -> None:
    if not zone:
        problems.invalid("spec.timeZone", zone, "timeZone must be nil or non-empty string")
    elif zone.lower() == "local":
        words = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        problems.invalid("spec.timeZone", zone, words)
    else:
        try:
            read_zone(zone)
        except BadSchedule as error:
            problems.invalid("spec.timeZone", zone, str(error))

"""Bad input for Jobs and CronJobs, each with its exact message; none changes anything."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.cluster import Raw
from tests.api.test_bad_input import filled_cluster

CONTAINERS = [{"name": "c", "command": ["true"]}]


def job(restart_policy: str = "Never", **spec: Any) -> Raw:
    template = {"spec": {"restartPolicy": restart_policy, "containers": CONTAINERS}}
    return {"metadata": {"name": "j"}, "spec": {"template": template, **spec}}


def cron(schedule: str = "* * * * *", name: str = "t", **spec: Any) -> Raw:
    return {"metadata": {"name": name}, "spec": {"schedule": schedule, "jobTemplate": {"spec": job()["spec"]}, **spec}}


LONG = "x" * 53
BAD = [
    (
        "jobs",
        job("Always"),
        'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    ),
    (
        "jobs",
        {
            **job(),
            "spec": {
                "template": {
                    "spec": {**job()["spec"]["template"]["spec"], "disconnect": {"onReconnect": "keepOriginal"}}
                }
            },
        },
        'spec.template.spec.disconnect.onReconnect: Unsupported value: "keepOriginal": '
        'supported values: "keepReplacement"',
    ),
    ("jobs", job(parallelism=-1), "spec.parallelism: must be a whole number ≥ 0, found -1"),
    ("jobs", job(backoffLimit="many"), 'spec.backoffLimit: must be a whole number ≥ 0, found "many"'),
    (
        "jobs",
        job(completions=2, backoffLimitPerIndex=1),
        "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode",
    ),
    (
        "jobs",
        job(maxFailedIndexes=1, completions=2, backoffLimitPerIndex=1, completionMode="Indexed", managedBy="me"),
        'spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")',
    ),
    ("jobs", job(managedBy="acme.io/" + "x" * 60), "spec.managedBy: Too long: may not be more than 63 bytes"),
    (
        "jobs",
        job(completions=100_001, completionMode="Indexed", backoffLimitPerIndex=1, parallelism=5),
        "spec.maxFailedIndexes: Required value: must be specified when completions is above 100000",
    ),
    (
        "jobs",
        job(completions=3, completionMode="Indexed", backoffLimitPerIndex=1, maxFailedIndexes=4),
        "spec.maxFailedIndexes: Invalid value: 4: must be less than or equal to completions",
    ),
    (
        "cronjobs",
        cron("* * * *"),
        'spec.schedule: Invalid value: "* * * *": expected exactly 5 fields, found 4: [* * * *]',
    ),
    ("cronjobs", cron("61 * * * *"), 'spec.schedule: Invalid value: "61 * * * *": bad minute in 61 * * * *'),
    ("cronjobs", cron("@every 10s"), 'spec.schedule: Invalid value: "@every 10s": @every 10s: must be at least 1m'),
    ("cronjobs", cron(timeZone="Mars/Base"), 'spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base'),
    (
        "cronjobs",
        cron(concurrencyPolicy="Sometimes"),
        'spec.concurrencyPolicy: must be one of "Allow", "Forbid", "Replace", found "Sometimes"',
    ),
    (
        "cronjobs",
        cron(successfulJobsHistoryLimit=-1),
        "spec.successfulJobsHistoryLimit: must be a whole number ≥ 0, found -1",
    ),
    ("cronjobs", cron(name=LONG), f'metadata.name: Invalid value: "{LONG}": must be no more than 52 characters'),
]


@pytest.mark.parametrize(("resource", "body", "message"), BAD, ids=[message[:50] for _, _, message in BAD])
async def test_a_job_that_breaks_a_rule(resource: str, body: Raw, message: str) -> None:
    async with filled_cluster() as api:
        before = api.revision
        code, reason, told = await api.refused(f"create.batch.{resource}.default", body)
        assert (code, reason) == (422, "Invalid")
        assert told.endswith(f"is invalid: {message}")
        assert api.revision == before

"""CronJobs: what is due, also across changes of the clock and after a downtime, and what becomes of old Jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from control_plane.controllers.cron_job import CronJobController, CronJobView, job_name
from control_plane.plan import Create, Delete, Emit, Plan, SetStatus
from control_plane.schedules import BadSchedule, read_schedule
from proto.objects.batch import CronJob, Job
from proto.objects.meta import Condition, ObjectMeta, evolve
from tests.controllers.jobs import cron_job


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


SCHEDULES = [
    pytest.param("*/5 * * * *", None, "2026-03-01T10:02", "2026-03-01T10:05", id="every five minutes"),
    pytest.param("0 9 * * MON-FRI", None, "2026-11-20T10:00", "2026-11-23T09:00", id="names of days"),
    pytest.param("0 0 1 JAN *", None, "2026-01-01T00:00", "2027-01-01T00:00", id="names of months"),
    pytest.param("@daily", None, "2026-03-01T10:02", "2026-03-02T00:00", id="a macro"),
    pytest.param("@every 90m", None, "2026-03-01T10:02", "2026-03-01T11:32", id="a fixed delay"),
    pytest.param("0 8 * * *", "Europe/Berlin", "2026-01-10T00:00", "2026-01-10T07:00", id="a zone in winter"),
    pytest.param("0 8 * * *", "Europe/Berlin", "2026-07-10T00:00", "2026-07-10T06:00", id="a zone in summer"),
    pytest.param("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", "2026-03-29T01:00", id="leapt over: right after"),
    pytest.param("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", "2026-10-25T00:30", id="an hour that comes twice"),
    pytest.param("0 0 29 2 *", None, "2026-03-01T00:00", "2028-02-29T00:00", id="leap day"),
]


@pytest.mark.parametrize(("text", "zone", "after", "due"), SCHEDULES)
def test_the_next_time_of_a_schedule(text: str, zone: str | None, after: str, due: str) -> None:
    assert read_schedule(text, zone).next_after(at(after)) == at(due)


def test_an_hour_that_comes_twice_is_due_once() -> None:
    schedule = read_schedule("30 2 * * *", "Europe/Berlin")
    first = schedule.next_after(at("2026-10-24T12:00"))
    assert first is not None
    assert schedule.next_after(first) == at("2026-10-26T01:30")


@pytest.mark.parametrize(
    ("text", "zone", "message"),
    [
        ("* * * *", None, "expected exactly 5 fields, found 4"),
        ("61 * * * *", None, "61"),
        ("a b c d e", None, "failed to parse"),
        ("@sometimes", None, "unrecognized descriptor: @sometimes"),
        ("@every 10s", None, "must be at least 1m"),
        ("* * * * *", "Mars/Base", "unknown time zone Mars/Base"),
    ],
)
def test_a_bad_schedule_says_what_is_wrong(text: str, zone: str | None, message: str) -> None:
    with pytest.raises(BadSchedule) as refused:
        read_schedule(text, zone)
    assert message in str(refused.value)


CREATED = at("2026-03-01T10:00")


def hourly(**changes: object) -> CronJob:
    return cron_job("0 * * * *", **{"metadata.creation_timestamp": CREATED, **changes})


def reconciled(cron: CronJob, now: str, *jobs: Job) -> Plan:
    return CronJobController().reconcile(CronJobView(cron, at(now), jobs))


def made(cron: CronJob, due: str, condition: str = "") -> Job:
    conditions = (Condition(type=condition, status="True"),) if condition else ()
    metadata = ObjectMeta(
        name=job_name(cron, at(due)), namespace="default", uid=f"uid-{due}", creation_timestamp=at(due)
    )
    return evolve(Job(metadata=metadata), **{"status.conditions": conditions})


def created(plan: Plan) -> list[str]:
    return [action.object.metadata.name for action in plan.actions if isinstance(action, Create)]


def deleted(plan: Plan) -> list[str]:
    return [action.object.metadata.name for action in plan.actions if isinstance(action, Delete)]


def told(plan: Plan) -> list[str]:
    return [action.reason for action in plan.actions if isinstance(action, Emit)]


def test_nothing_is_due_before_the_first_time_and_it_looks_again_then() -> None:
    plan = reconciled(hourly(), "2026-03-01T10:59:30")
    assert (plan.actions, plan.requeue_after_s) == ((), 30.0)


def test_a_due_time_makes_one_job_named_after_it() -> None:
    cron = hourly()
    plan = reconciled(cron, "2026-03-01T11:00:01")
    assert created(plan) == [job_name(cron, at("2026-03-01T11:00"))]
    (status,) = [action.object for action in plan.actions if isinstance(action, SetStatus)]
    assert isinstance(status, CronJob)
    assert status.status.last_schedule_time == at("2026-03-01T11:00")


def test_a_started_time_is_not_started_again() -> None:
    cron = hourly(**{"status.last_schedule_time": at("2026-03-01T11:00")})
    assert created(reconciled(cron, "2026-03-01T11:20")) == []


def test_after_a_downtime_only_the_last_time_is_made_up_for() -> None:
    cron = hourly()
    assert created(reconciled(cron, "2026-03-01T15:10")) == [job_name(cron, at("2026-03-01T15:00"))]


def test_a_long_downtime_is_told_and_the_last_time_made_up_for() -> None:
    cron = hourly()
    plan = reconciled(cron, "2026-03-20T15:10")
    assert created(plan) == [job_name(cron, at("2026-03-20T15:00"))]
    assert "TooManyMissedTimes" in told(plan)


def test_what_is_past_its_deadline_is_not_started() -> None:
    cron = hourly(**{"spec.starting_deadline_seconds": 300})
    assert created(reconciled(cron, "2026-03-01T11:05:01")) == []
    assert created(reconciled(cron, "2026-03-01T11:05:00")) != []


@pytest.mark.parametrize(("policy", "starts", "ends"), [("Allow", 1, 0), ("Forbid", 0, 0), ("Replace", 1, 1)])
def test_what_becomes_of_a_job_that_still_runs(policy: str, starts: int, ends: int) -> None:
    cron = hourly(**{"spec.concurrency_policy": policy, "status.last_schedule_time": at("2026-03-01T11:00")})
    plan = reconciled(cron, "2026-03-01T12:00", made(cron, "2026-03-01T11:00"))
    assert (len(created(plan)), len(deleted(plan))) == (starts, ends)


def test_a_suspended_one_starts_nothing() -> None:
    assert created(reconciled(hourly(**{"spec.suspend": True}), "2026-03-01T11:00")) == []


def test_old_jobs_over_the_limits_go_oldest_first() -> None:
    cron = hourly(**{"status.last_schedule_time": at("2026-03-01T16:00")})
    good = [made(cron, f"2026-03-01T{hour}:00", "Complete") for hour in (11, 12, 13, 14)]
    bad = [made(cron, f"2026-03-01T{hour}:00", "Failed") for hour in (15, 16)]
    plan = reconciled(cron, "2026-03-01T16:30", *good, *bad)
    assert deleted(plan) == [good[0].metadata.name, bad[0].metadata.name]


def test_a_plan_repeated_by_a_crash_names_the_same_job() -> None:
    cron = hourly()
    first, second = (reconciled(cron, "2026-03-01T11:00:01") for _ in range(2))
    assert created(first) == created(second)
    assert timedelta(0) < timedelta(seconds=first.requeue_after_s or 0) <= timedelta(hours=1)

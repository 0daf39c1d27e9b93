"""Whether and when an ended container runs again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from node_agent.plan.lives import Ending, Life
from node_agent.plan.restarts import back_off_s, duration_text, next_restart, restarts_after
from proto.clock import EPOCH
from proto.objects.container import ContainerRestartRule, RestartPolicy


def ended(exit_code: int = 1, ran_s: float = 1.0, series: int = 0) -> Life:
    ending = Ending(EPOCH + timedelta(seconds=ran_s), exit_code, "Error")
    return Life(attempt=series, started_at=EPOCH, ending=ending, series=series)


@pytest.mark.parametrize(
    ("policy", "exit_code", "again"),
    [
        ("Always", 0, True),
        ("Always", 1, True),
        ("OnFailure", 0, False),
        ("OnFailure", 137, True),
        ("Never", 0, False),
        ("Never", 1, False),
    ],
)
def test_policy_and_exit_code_decide(policy: RestartPolicy, exit_code: int, again: bool) -> None:
    assert restarts_after(policy, Ending(EPOCH, exit_code, "")) is again


@pytest.mark.parametrize(
    ("operator", "exit_code", "again"), [("In", 42, True), ("In", 1, False), ("NotIn", 42, False), ("NotIn", 1, True)]
)
def test_a_rule_is_an_exception_from_the_policy(operator: str, exit_code: int, again: bool) -> None:
    told = {"action": "Restart", "exitCodes": {"operator": operator, "values": [42, 43]}}
    rules = (ContainerRestartRule.model_validate(told),)
    assert restarts_after("Never", Ending(EPOCH, exit_code, ""), rules) is again
    assert restarts_after("Always", Ending(EPOCH, exit_code, ""), rules)


@pytest.mark.parametrize(
    ("series", "delay_s"),
    [(1, 0), (2, 10), (3, 20), (4, 40), (5, 80), (6, 160), (7, 300), (8, 300), (1000, 300)],
)
def test_back_off_doubles_to_five_minutes(series: int, delay_s: int) -> None:
    assert back_off_s(series) == delay_s


@pytest.mark.parametrize(("series", "delay_s"), [(1, 0), (2, 5), (8, 5)])
def test_a_node_may_wait_for_less(series: int, delay_s: int) -> None:
    restart = next_restart("Always", ended(series=series - 1), 5)
    assert restart is not None and restart.back_off_s == delay_s


def test_a_running_container_is_not_restarted() -> None:
    assert next_restart("Always", Life(attempt=0, started_at=EPOCH)) is None


def test_delays_count_from_the_end() -> None:
    restart = next_restart("Always", ended(ran_s=5, series=2))
    assert restart is not None
    assert (restart.due - EPOCH).total_seconds() == 25
    assert (restart.series, restart.back_off_s) == (3, 20)


@pytest.mark.parametrize(("ran_s", "series"), [(599, 6), (600, 1), (6000, 1)], ids=["short", "ten minutes", "long"])
def test_ten_minutes_of_running_begin_anew(ran_s: float, series: int) -> None:
    restart = next_restart("Always", ended(ran_s=ran_s, series=5))
    assert restart is not None and restart.series == series


@pytest.mark.parametrize(("seconds", "text"), [(10, "10s"), (40, "40s"), (80, "1m20s"), (160, "2m40s"), (300, "5m0s")])
def test_durations_read_as_in_kubernetes(seconds: int, text: str) -> None:
    assert duration_text(seconds) == text

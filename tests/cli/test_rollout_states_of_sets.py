"""What is told of the rollouts of StatefulSets and DaemonSets, in kubectl's words."""

from __future__ import annotations

from typing import Any

import pytest

from setpoint.cli.errors import CliError
from setpoint.cli.rollouts.states import of_daemon_set, of_stateful_set


def db(
    updated: int = 3, ready: int = 3, *, seen: int = 2, partition: int = 0, over: bool = True, kind: str = ""
) -> dict[str, Any]:
    """A StatefulSet of three; `over`: the update is complete; `kind`: of its update strategy."""
    strategy = {"type": kind} if kind else {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}
    status = {
        "observedGeneration": seen, "readyReplicas": ready, "updatedReplicas": updated, "currentReplicas": 3,
        "updateRevision": "db-2", "currentRevision": "db-2" if over else "db-1",
    }  # fmt: skip
    spec = {"replicas": 3, "updateStrategy": strategy}
    return {"metadata": {"name": "db", "generation": 2}, "spec": spec, "status": status}


@pytest.mark.parametrize(
    ("stateful_set", "state"),
    [
        pytest.param(db(seen=1), (False, "Waiting for statefulset spec update to be observed..."), id="not observed"),
        pytest.param(db(ready=1), (False, "Waiting for 2 pods to be ready..."), id="not ready"),
        pytest.param(db(0, partition=1, over=False),
                     (False, "Waiting for partitioned roll out to finish: 0 out of 2 new pods have been updated..."),
                     id="on the way to the partition"),
        pytest.param(db(2, partition=1, over=False),
                     (True, "partitioned roll out complete: 2 new pods have been updated..."), id="at the partition"),
        pytest.param(db(0, partition=5, over=False),
                     (True, "partitioned roll out complete: 0 new pods have been updated..."),
                     id="a partition above all"),
        pytest.param(db(2, over=False),
                     (False, "waiting for statefulset rolling update to complete 2 pods at revision db-2..."),
                     id="on the way"),
        pytest.param(db(), (True, "statefulset rolling update complete 3 pods at revision db-2..."), id="complete"),
    ],
)  # fmt: skip
def test_a_stateful_set(stateful_set: dict[str, Any], state: tuple[bool, str]) -> None:
    assert of_stateful_set(stateful_set) == state


def agents(updated: int = 3, available: int = 3, *, seen: int = 2, kind: str = "RollingUpdate") -> dict[str, Any]:
    """A DaemonSet that three nodes should have."""
    status = {
        "observedGeneration": seen, "desiredNumberScheduled": 3, "updatedNumberScheduled": updated,
        "numberAvailable": available,
    }  # fmt: skip
    spec = {"updateStrategy": {"type": kind}}
    return {"metadata": {"name": "agents", "generation": 2}, "spec": spec, "status": status}


WAITING = 'Waiting for daemon set "agents" rollout to finish: '


@pytest.mark.parametrize(
    ("daemon_set", "state"),
    [
        pytest.param(
            agents(seen=1), (False, "Waiting for daemon set spec update to be observed..."), id="not observed"
        ),
        pytest.param(agents(1), (False, f"{WAITING}1 out of 3 new pods have been updated..."), id="not all updated"),
        pytest.param(agents(3, 2), (False, f"{WAITING}2 of 3 updated pods are available..."), id="not available"),
        pytest.param(agents(), (True, 'daemon set "agents" successfully rolled out'), id="complete"),
    ],
)
def test_a_daemon_set(daemon_set: dict[str, Any], state: tuple[bool, str]) -> None:
    assert of_daemon_set(daemon_set) == state


@pytest.mark.parametrize(
    ("state", "item"), [(of_stateful_set, db(kind="OnDelete")), (of_daemon_set, agents(kind="OnDelete"))]
)
def test_there_is_no_rollout_where_people_delete_the_pods(state: Any, item: dict[str, Any]) -> None:
    with pytest.raises(CliError, match="rollout status is only available for RollingUpdate strategy type"):
        state(item)

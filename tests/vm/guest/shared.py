"""What checks share: words for pods, and what must stay as it is while something else is done."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.vm.guest.cluster import Cluster
from tests.vm.guest.system import CGROUPS, pids_of, supervisors

LIMITS = {"memory": "64Mi", "cpu": "250m"}
FOR_EVER = "while :; do sleep 1; done"
UNREACHABLE = [{"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}]
"""A pod with this toleration waits for its machine, however long a slow agent or a reboot takes."""


class Undisturbed:
    """Around what must not touch a pod: the same process before and after, and no restart counted."""

    def __init__(self, cluster: Cluster, pod: str = "subject") -> None:
        self._cluster = cluster
        self._pod = pod
        self._pid = 0

    async def __aenter__(self) -> None:
        self._pid = await first_pid(self._cluster, self._pod)

    async def __aexit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            assert await first_pid(self._cluster, self._pod) == self._pid
            status = await self._cluster.container(self._pod)
            assert status["restartCount"] == 0 and "running" in status["state"], status


async def first_pid(cluster: Cluster, pod: str) -> int:
    return pids_of((await cluster.pod(pod))["metadata"]["uid"])[0]


def homes(without: int) -> list[Path]:
    """The groups of all supervisors but the one that was killed."""
    return [CGROUPS / group.removeprefix("0::/") for pid, group in supervisors().items() if pid != without]


_probes = iter(range(1000))


async def agent_works(cluster: Cluster) -> None:
    """The agent takes new work: a pod starts and ends through it."""
    name = f"probe-{next(_probes)}"
    await cluster.run(name, "exit 3", restartPolicy="Never", tolerations=UNREACHABLE)
    assert (await cluster.ended(name))["exitCode"] == 3
    await cluster.delete(name)


def recipe(beginning: str) -> str:
    """The line of the guide that starts an agent without a unit file."""
    lines = (Path(__file__).parent / "guide.md").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(beginning)]
    return line


def perform(command: Sequence[str]) -> None:
    """Runs a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(command)}: {done.stderr}"

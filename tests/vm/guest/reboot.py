"""The machine restarts: how it goes down, and what is there again afterwards."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.vm.guest.cluster import Cluster, Raw
from tests.vm.guest.shared import (
    FOR_EVER,
    LIMITS,
    UNREACHABLE,
)
from tests.vm.guest.system import (
    eventually,
    pids_of,
)

GOODBYE = Path("/var/lib/setpoint/goodbye")
FACTS = Path("/var/lib/setpoint/facts.json")
"""What the checks after the reboot must know of the time before."""


async def a_reboot_is_prepared(cluster: Cluster) -> None:
    await cluster.delete("subject")
    script = f"trap 'touch {GOODBYE}; exit 0' TERM; {FOR_EVER}"
    lasting = await cluster.run("lasting", script, limits=LIMITS, tolerations=UNREACHABLE)
    await cluster.ask("create.apps.deployments.default", _deployment("web", replicas=2))
    await eventually(lambda: _ready_pods(cluster), "both replicas run")
    FACTS.write_text(json.dumps({"uid": lasting["metadata"]["uid"], "asked_at_s": time.time()}))


async def the_machine_goes_down_at_once(cluster: Cluster) -> None:
    """A workload or a supervisor that does not end would be waited for, 90 seconds."""
    took_s = _kernel_started_at_s() - json.loads(FACTS.read_text())["asked_at_s"]
    assert took_s < 80, f"{took_s:.0f} s from the request to the kernel's start"


async def workloads_are_asked_to_end_first(cluster: Cluster) -> None:
    assert GOODBYE.exists()


async def the_node_comes_back(cluster: Cluster) -> None:
    await eventually(lambda: cluster.ready("hub"), "the node is Ready")


async def a_pod_of_before_is_restarted_for_the_reboot(cluster: Cluster) -> None:
    async def again() -> Raw | None:
        status = await cluster.container("lasting")
        return status if "running" in status["state"] and status["restartCount"] else None

    status = await eventually(again, "it runs again")
    assert (await cluster.pod("lasting"))["metadata"]["uid"] == json.loads(FACTS.read_text())["uid"]
    assert status["restartCount"] == 1
    assert "the machine restarted" in status["lastState"]["terminated"]["message"], status["lastState"]


async def a_deployment_has_its_replicas_again(cluster: Cluster) -> None:
    await eventually(lambda: _ready_pods(cluster), "both replicas run")
    uids = [pod["metadata"]["uid"] for pod in await _pods_of(cluster, "web")]
    assert len(uids) == 2 and all(pids_of(uid) for uid in uids)


def _kernel_started_at_s() -> float:
    """When the present boot began, in Unix seconds."""
    stat = Path("/proc/stat").read_text()
    return float(next(line.split()[1] for line in stat.splitlines() if line.startswith("btime ")))


def _deployment(name: str, replicas: int) -> Raw:
    container = {"name": "main", "command": ["/bin/sh", "-c", FOR_EVER]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
        },
    }


async def _pods_of(cluster: Cluster, app: str) -> list[Raw]:
    """The pods of the deployment that are not going away."""
    pods = (await cluster.ask("list.core.pods.default"))["items"]
    mine = [pod for pod in pods if pod["metadata"].get("labels", {}).get("app") == app]
    return [pod for pod in mine if "deletionTimestamp" not in pod["metadata"]]


async def _ready_pods(cluster: Cluster) -> bool:
    pods = await _pods_of(cluster, "web")
    conditions = [condition for pod in pods for condition in pod["status"].get("conditions", ())]
    ready = [condition for condition in conditions if condition["type"] == "Ready" and condition["status"] == "True"]
    return len(pods) == len(ready) == 2

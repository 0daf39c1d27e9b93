"""What must hold once the faults have stopped and the dust has settled.

Each function returns what is wrong, as sentences; nothing wrong is an empty list.
"""

from __future__ import annotations

from collections import Counter

from proto.objects.apps import Deployment
from proto.objects.core import Node
from proto.objects.meta import find_condition
from proto.objects.pod import Pod
from tests.sim.audit import Audit
from tests.sim.cluster import Cluster


def problems(cluster: Cluster) -> list[str]:
    """Everything that is not as it should be."""
    audit = cluster.audit
    return [*_nodes(cluster), *_replicas(audit), *_pods(audit), *_processes(cluster), *_leaders(cluster)]


def machinery(cluster: Cluster) -> list[str]:
    """What of the cluster itself is not as it should be, whatever runs on it."""
    return [*_nodes(cluster), *_processes(cluster), *_leaders(cluster)]


def restarted_for_nothing(cluster: Cluster, harmed: set[str]) -> list[str]:
    """Pods that were restarted or ended although neither a fault on their node nor a person asked for it."""
    ledger, wrong = cluster.user.ledger, []
    for pod in cluster.audit.pods():
        restarts = sum(status.restart_count for status in pod.status.container_statuses)
        if restarts and pod.spec.node_name not in harmed:
            wrong.append(f"pod {pod.metadata.name} on {pod.spec.node_name} was restarted {restarts} times for nothing")
    for pod in cluster.audit.past_pods.values():
        app, node = pod.metadata.labels.get("app", ""), pod.spec.node_name
        asked_for = app in ledger.disturbed or None in ledger.possible(app)
        if node and node not in harmed and not asked_for:
            wrong.append(f"pod {pod.metadata.name} on {node} was ended for nothing")
    return wrong


def _nodes(cluster: Cluster) -> list[str]:
    """Every machine's node is Ready and without taints."""
    wrong = []
    for machine in cluster.machines:
        node = cluster.audit.objects.get(("Node", "", machine.name))
        ready = find_condition(node.status.conditions, "Ready") if isinstance(node, Node) else None
        if not isinstance(node, Node) or ready is None or ready.status != "True" or node.spec.taints:
            wrong.append(f"node {machine.name} is not back")
    return wrong


def _replicas(audit: Audit) -> list[str]:
    """Exactly the declared replicas run and are Ready, and the status says so."""
    wrong = []
    running = Counter(pod.metadata.labels.get("app") for pod in audit.pods() if is_ready(pod))
    there = Counter(pod.metadata.labels.get("app") for pod in audit.pods())
    for deployment in (found for found in audit.objects.values() if isinstance(found, Deployment)):
        name, wanted = deployment.metadata.name, deployment.spec.replicas
        if deployment.deleting:
            wrong.append(f"{name} is still being deleted")
        if not running[name] == there[name] == wanted:
            wrong.append(f"{name} wants {wanted} replicas: {there[name]} are there, {running[name]} are Ready")
        if deployment.status.ready_replicas != wanted or deployment.status.replicas != wanted:
            wrong.append(f"{name} wants {wanted}, but its status tells of {deployment.status.ready_replicas} Ready")
    return wrong


def _pods(audit: Audit) -> list[str]:
    """No pod without a Deployment, none on its way out, none on a node that is not there."""
    wrong = []
    for pod in audit.pods():
        name = pod.metadata.name
        if ("Deployment", "default", pod.metadata.labels.get("app", "")) not in audit.objects:
            wrong.append(f"pod {name} belongs to nobody")
        if pod.deleting:
            wrong.append(f"pod {name} is still terminating")
        if ("Node", "", pod.spec.node_name) not in audit.objects:
            wrong.append(f"pod {name} is on node {pod.spec.node_name!r}, which is not there")
    return wrong


def _processes(cluster: Cluster) -> list[str]:
    """On every machine exactly the processes of the pods that are assigned to it."""
    wrong = []
    for machine in cluster.machines:
        pods = [pod for pod in cluster.audit.pods() if pod.status.phase not in ("Succeeded", "Failed")]
        assigned = {pod.metadata.uid for pod in pods if pod.spec.node_name == machine.name}
        running = Counter(container.partition(".")[0] for container in machine.processes())
        wrong += [
            f"{machine.name} runs a process of {uid}, which is not there" for uid in running if uid not in assigned
        ]
        wrong += [f"{machine.name} runs no process of {uid}" for uid in assigned if uid not in running]
        wrong += [f"{machine.name} runs {uid} {times} times" for uid, times in running.items() if times > 1]
    return sorted(wrong)


def _leaders(cluster: Cluster) -> list[str]:
    """One leads."""
    leading = [control_plane.name for control_plane in cluster.control_planes if control_plane.leading]
    return [] if len(leading) == 1 else [f"leading: {leading}"]


def is_ready(pod: Pod) -> bool:
    """Runs, is Ready, and is not on its way out."""
    ready = find_condition(pod.status.conditions, "Ready")
    return pod.status.phase == "Running" and not pod.deleting and ready is not None and ready.status == "True"

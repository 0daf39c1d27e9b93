"""Finds what a client names: a pod of this node, a container of it, and the life of it that runs.

Reads: the node's pods and the table of containers. Never: waits; who came too early is told to ask again.
"""

from __future__ import annotations

from node_agent.containers.table import ContainerTable
from node_agent.plan.lives import by_container
from node_agent.pods.pods import Pods
from node_agent.pods.work import PodWork
from node_agent.runtime.port import ContainerState
from proto.default_container import default_container
from proto.errors import BadRequest, NotFound, Unavailable
from proto.objects.container import Container
from proto.phases import ENDED


class Finder:
    """The pods of one node, by the names that people give them. All methods raise `ApiError` with what is wrong."""

    def __init__(self, node: str, pods: Pods, containers: ContainerTable) -> None:
        self._node = node
        self._pods = pods
        self._containers = containers

    def pod(self, namespace: str, name: str) -> PodWork:
        """The pod of that name."""
        if not self._containers.listed:
            raise Unavailable(f"the agent of node {self._node} has only just started; ask again")
        work = self._pods.find(namespace, name)
        if work is None:
            raise NotFound(f'pods "{name}" not found on node {self._node}')
        return work

    def container(self, work: PodWork, name: str) -> Container:
        """The container of that name, or the one that the pod means by default."""
        found = {each.name: each for each in (*work.pod.spec.containers, *work.pod.spec.init_containers)}
        if name and name not in found:
            pod = work.pod.metadata.name
            raise BadRequest(f"container {name} is not valid for pod {pod}; it has: {', '.join(found)}")
        return found[name or default_container(work.pod.metadata.annotations, [*found])]

    def running(self, work: PodWork, container: Container) -> ContainerState:
        """The life of the container that runs now."""
        states = self.lives(work, container.name)
        if states and states[-1].running:
            return states[-1]
        pod = work.pod.metadata.name
        if work.reported.phase in ENDED:
            phase = work.reported.phase
            raise BadRequest(f'the container of completed pod "{pod}" cannot be entered; current phase is {phase}')
        why = waiting_reason(work, container.name)
        raise BadRequest(f'container "{container.name}" in pod "{pod}" is not running: {why}')

    def lives(self, work: PodWork, container: str) -> tuple[ContainerState, ...]:
        """All lives of a container that are remembered, the latest last."""
        return tuple(by_container(self._containers.of_pod(work.uid)).get(container, ()))


def waiting_reason(work: PodWork, container: str) -> str:
    """Why a container does not run, in the words of its status."""
    for status in (*work.reported.init_container_statuses, *work.reported.container_statuses):
        if status.name == container and status.state.waiting is not None:
            return status.state.waiting.message or status.state.waiting.reason
        if status.name == container and status.state.terminated is not None:
            ended = status.state.terminated
            return ended.message or f"it ended with exit code {ended.exit_code} ({ended.reason})"
    return "ContainerCreating"

"""What schedulers, nodes and the hub do in a `World`: the least that controllers need around them."""

from __future__ import annotations

from control_plane.controllers.pods import is_active, is_finished, is_ready
from control_plane.controllers.taints import Verdict, verdict
from proto.objects.core import Node
from proto.objects.meta import Condition, evolve, find_condition
from proto.objects.pod import Pod
from proto.objects.pod_status import ContainerState, ContainerStateWaiting, ContainerStatus
from tests.controllers.builders import node
from tests.controllers.world import World


class Machines:
    """The nodes of a world. One that is lost does nothing until it is back."""

    def __init__(self, world: World, *names: str):
        self.world = world
        self.broken: set[str] = set()
        """Versions (first argument after the command) whose programs never get ready."""
        for name in names:
            world.put(node(name))

    def work(self) -> bool:
        """One piece of work, whoever has some: end, place or start a pod; whether there was any."""
        return any(self._work(pod) for pod in self.world.all(Pod))

    def lose(self, name: str) -> None:
        """The hub does not hear it any more."""
        self._judge(name, "Unknown", "NodeStatusUnknown")
        for pod in self.world.all(Pod):
            if pod.spec.node_name == name and is_ready(pod) and not is_finished(pod):
                self.set_ready(pod, "False")

    def find(self, name: str) -> None:
        """The hub hears it again."""
        self._judge(name, "True", "AgentReady")

    def set_ready(self, pod: Pod, status: str, phase: str = "Running") -> None:
        condition = Condition(type="Ready", status=status, last_transition_time=self.world.now)  # type: ignore[arg-type]
        changes = {"status.phase": phase, "status.conditions": (condition,)}
        if status == "True":
            containers = pod.status.container_statuses
            changes["status.container_statuses"] = tuple(evolve(one, state=ContainerState()) for one in containers)
        self.world.put(evolve(pod, **changes))

    def crash_loop(self, pod: Pod, restarts: int = 2) -> None:
        """Its program ended once more than that, and waits to be started again."""
        waiting = ContainerState(waiting=ContainerStateWaiting(reason="CrashLoopBackOff"))
        status = ContainerStatus(name="main", restart_count=restarts, state=waiting)
        self.set_ready(evolve(pod, **{"status.container_statuses": (status,)}), "False")

    def healthy(self) -> list[Node]:
        return [each for each in self.world.all(Node) if verdict(each) is Verdict.READY and not each.spec.taints]

    def _judge(self, name: str, status: str, reason: str) -> None:
        stored = self.world.truth.get(Node, "", name)
        assert stored is not None
        old = find_condition(stored.status.conditions, "Ready")
        if old is not None and old.status == status:
            return
        told = Condition(type="Ready", status=status, reason=reason, last_transition_time=self.world.now)  # type: ignore[arg-type]
        self.world.put(evolve(stored, **{"status.conditions": (told,)}))

    def _work(self, pod: Pod) -> bool:
        home = self.world.truth.get(Node, "", pod.spec.node_name) if pod.spec.node_name else None
        if not pod.spec.node_name:
            return self._place(pod)
        if home is None or verdict(home) is not Verdict.READY:
            return False
        if pod.deleting:
            self.world.remove(pod)
            return True
        if is_ready(pod) or is_finished(pod) or self.broken & set(pod.spec.containers[0].command):
            return False
        self.set_ready(pod, "True")
        return True

    def _place(self, pod: Pod) -> bool:
        healthy = self.healthy()
        if not healthy or not is_active(pod):
            return False
        load = {each.metadata.name: 0 for each in healthy}
        for other in self.world.all(Pod):
            if other.spec.node_name in load:
                load[other.spec.node_name] += 1
        self.world.put(evolve(pod, **{"spec.node_name": min(load, key=lambda name: (load[name], name))}))
        return True

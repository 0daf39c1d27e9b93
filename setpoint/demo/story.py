"""The acts of the demo: gather, deploy, cut, heal, count. Each finding is observed, through the API and in the world.

Reads: the witness, the pods' HTTP answers, the machines' processes. Writes: the manifest's objects, through the API;
the link of one machine.
Never: goes on after something promised was not observed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proto import catalog
from proto.client.raw import RawClient
from proto.clock import Clock
from setpoint.demo.checks import pods_with_processes, silent_pods
from setpoint.demo.lives import PodLife
from setpoint.demo.marks import Mark, fullest_node, mark, on_node, present, replacement_marks, serving
from setpoint.demo.stage import Stage
from setpoint.demo.witness import Witness
from setpoint.local.cluster import LocalCluster

NODES_WITHIN_S = 60.0
READY_WITHIN_S = 90.0
REPLACED_WITHIN_S = 60.0
REJOINED_WITHIN_S = 90.0
ANSWERS_WITHIN_S = 60.0
STEADY_FOR_S = 2.0
_POLL_S = 0.05


class NotObserved(Exception):
    """Something that the demo promises did not happen in time; the message says what."""


@dataclass(slots=True)
class Story:
    """One telling; `findings` grows with what was observed."""

    cluster: LocalCluster
    client: RawClient
    witness: Witness
    stage: Stage
    clock: Clock
    manifest: Mapping[str, Any]
    findings: list[str] = field(default_factory=list)
    victim: str = ""
    lost: Sequence[PodLife] = ()
    survivors: Sequence[PodLife] = ()
    cut_s: float = 0.0
    heal_s: float = 0.0
    processes_gone_s: float | None = None

    @property
    def replicas(self) -> int:
        """How many pods the Deployment declares."""
        return int(self.manifest["spec"].get("replicas", 1))

    async def tell(self) -> None:
        """Tell it all.

        Raises:
            NotObserved: at the first thing that did not happen.
        """
        await self.gather()
        await self.deploy()
        await self.cut()
        await self.heal()
        await self.count()

    async def gather(self) -> None:
        """The machines' nodes become Ready."""
        count = len(self.cluster.machines)
        self.stage.act(f"1  A NATS server, a control plane and {count} machines")
        self.stage.say(f"machines: {self.cluster.fleet.kind} ({self.cluster.why})")
        self.stage.say(f"to look at it from elsewhere: export NATS_URL={self.cluster.url}")
        nodes = self.witness.nodes
        await self._expect(
            f"{count} nodes are Ready",
            lambda: all(name in nodes and nodes[name].ready for name in self.cluster.machines),
            NODES_WITHIN_S,
        )

    async def deploy(self) -> None:
        """The manifest is applied, and every replica serves."""
        name = self.manifest["metadata"]["name"]
        self.stage.act(f"2  Deployment {name} with {self.replicas} replicas")
        began_s = self.clock.monotonic_s()
        kind = catalog.BY_KIND[str(self.manifest["kind"])]
        await self.client.call("create", kind, "default", name, body=dict(self.manifest))
        await self._expect(
            f"{self.replicas} pods are Ready", lambda: len(self._serving()) == self.replicas, READY_WITHIN_S
        )
        self.stage.say(f"{self.clock.monotonic_s() - began_s:.2f} s after the request")
        await self._expect_answers(self._serving())
        for node in sorted(self.cluster.machines):
            names = " ".join(life.name for life in self._serving() if life.node == node)
            self.stage.say(f"{node} ({self.cluster.machines[node].address}): {names or 'none'}")

    async def cut(self) -> None:
        """One machine falls silent, and its work appears elsewhere."""
        self.victim = fullest_node(self.witness.pods.values())
        self.lost = on_node(self.witness.pods.values(), self.victim)
        self.survivors = [life for life in self._serving() if life.node != self.victim]
        self.stage.act(f"3  Machine {self.victim} is cut off silently: {self.cluster.fleet.cut_means}")
        await self.cluster.machines[self.victim].cut()
        self.cut_s = self.clock.monotonic_s()
        with self.stage.timeline(self.marks_of_loss, self._since_cut_s):
            await self._complete(self.marks_of_loss, REPLACED_WITHIN_S)
        noticed, ready = self.marks_of_loss()[1], self.marks_of_loss()[-1]
        self.findings.append(f"the loss of {self.victim} was noticed after {noticed.last_s:.2f} s")
        self.findings.append(f"its {len(self.lost)} pods were replaced, and Ready, after {ready.last_s:.2f} s")
        await self._expect(
            f"{self.replicas} pods are Ready on the other machines",
            lambda: len([life for life in self._serving() if life.node != self.victim]) == self.replicas,
            REPLACED_WITHIN_S,
        )
        await self._expect_answers([life for life in self._serving() if life.node != self.victim])

    async def heal(self) -> None:
        """The machine comes back, rejoins, and loses what was replaced meanwhile."""
        self.stage.act(f"4  Machine {self.victim} is reachable again")
        self.heal_s = self.clock.monotonic_s()
        await self.cluster.machines[self.victim].heal()
        with self.stage.timeline(self.marks_of_return, self._since_heal_s):
            await self._eventually(
                f"no stale process on {self.victim}", self._stale_processes_are_gone, REJOINED_WITHIN_S
            )
            await self._complete(self.marks_of_return, REJOINED_WITHIN_S)
        self.findings.append(f"{self.victim} rejoined, and its stale pods and their processes are gone")

    async def count(self) -> None:
        """Exactly the declared replicas run, and nobody touched the bystanders."""
        self.stage.act("5  The count")
        await self._expect(f"exactly {self.replicas} pods exist, and all are Ready", self._is_exact, REJOINED_WITHIN_S)
        what = f"exactly these {self.replicas} have processes on the machines"
        await self._eventually(what, self._processes_are_exact, ANSWERS_WITHIN_S)
        self._found(what)
        if await self.witness.until(lambda: not self._is_exact(), within_s=STEADY_FOR_S):
            raise NotObserved(f"it did not stay at {self.replicas} pods for {STEADY_FOR_S:g} s")
        untouched = [self._is_untouched(life) for life in self.survivors]
        if not all(untouched):
            raise NotObserved(f"only {sum(untouched)} of the {len(untouched)} pods elsewhere were left alone")
        self._found(f"the {len(untouched)} pods on the other machines were left alone")
        await self._expect_answers(self._serving())

    def marks_of_loss(self) -> tuple[Mark, ...]:
        """The timeline since the cut."""
        node = self.witness.nodes[self.victim]
        heard_s = self.witness.heartbeats.get(self.victim)
        lost_s = None if node.ready else node.since_s
        return (
            mark(f"last heartbeat of {self.victim}", [heard_s], 1, self.cut_s),
            mark(f"{self.victim} NotReady", [lost_s], 1, self.cut_s),
            *replacement_marks(self.witness.pods.values(), len(self.lost), self.cut_s),
        )

    def marks_of_return(self) -> tuple[Mark, ...]:
        """The timeline since the cable is back."""
        node = self.witness.nodes[self.victim]
        heard_s = self.witness.heartbeats.get(self.victim, self.cut_s)
        stale = [self.witness.pods[life.pod.metadata.uid].gone_s for life in self.lost]
        return (
            mark(f"heartbeat of {self.victim} again", [heard_s if heard_s > self.heal_s else None], 1, self.heal_s),
            mark(f"{self.victim} Ready", [node.since_s if node.ready else None], 1, self.heal_s),
            mark("stale pods gone", stale, len(self.lost), self.heal_s),
            mark(f"their processes on {self.victim} gone", [self.processes_gone_s], 1, self.heal_s),
        )

    def _serving(self) -> list[PodLife]:
        return serving(self.witness.pods.values())

    def _since_cut_s(self) -> float:
        return self.clock.monotonic_s() - self.cut_s

    def _since_heal_s(self) -> float:
        return self.clock.monotonic_s() - self.heal_s

    def _is_exact(self) -> bool:
        return len(self._serving()) == len(present(self.witness.pods.values())) == self.replicas

    def _is_untouched(self, before: PodLife) -> bool:
        now = self.witness.pods[before.pod.metadata.uid]
        return now.is_serving and now.restarts == before.restarts

    async def _stale_processes_are_gone(self) -> bool:
        stale = {life.name for life in self.lost}
        if stale & set(await pods_with_processes(self.cluster.machines[self.victim])):
            return False
        self.processes_gone_s = self.clock.monotonic_s()
        return True

    async def _processes_are_exact(self) -> bool:
        running = [pod for machine in self.cluster.machines.values() for pod in await pods_with_processes(machine)]
        return sorted(set(running)) == [life.name for life in self._serving()]

    async def _expect(self, what: str, holds: Callable[[], bool], within_s: float) -> None:
        """Wait for something and note it.

        Raises:
            NotObserved: it does not come about in time.
        """
        if not await self.witness.until(holds, within_s=within_s):
            raise NotObserved(f"within {within_s:g} s: {what}")
        self._found(what)

    async def _expect_answers(self, lives: Sequence[PodLife]) -> None:
        silent = await silent_pods(lives, self.clock, within_s=ANSWERS_WITHIN_S)
        if silent:
            raise NotObserved(f"an HTTP answer of {', '.join(silent)}")
        self._found(f"all {len(lives)} answer over HTTP with their own names")

    async def _complete(self, marks: Callable[[], Sequence[Mark]], within_s: float) -> None:
        if not await self.witness.until(lambda: all(row.complete for row in marks()), within_s=within_s):
            missing = ", ".join(row.what for row in marks() if not row.complete)
            raise NotObserved(f"within {within_s:g} s: {missing}")

    async def _eventually(self, what: str, holds: Callable[[], Awaitable[bool]], within_s: float) -> None:
        """The same for what no watch tells: ask again and again."""
        deadline_s = self.clock.monotonic_s() + within_s
        while not await holds():
            if self.clock.monotonic_s() > deadline_s:
                raise NotObserved(f"within {within_s:g} s: {what}")
            await self.clock.sleep(_POLL_S)

    def _found(self, what: str) -> None:
        self.findings.append(what)
        self.stage.found(what, ok=True)

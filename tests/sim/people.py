"""People who run one of everything: they change it, take it away and bring it back, drain and taint nodes.

Each write of theirs carries a mark, a number in a label. What was acknowledged last must be found in the end; where no
answer came the write may or may not have happened, at any later time, and either mark is right.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from proto.client.typed import Client
from proto.errors import AlreadyExists, ApiError, Conflict, Invalid, NotFound, Unavailable
from proto.ids import Ids
from proto.objects.core import Namespace, Node, Taint
from proto.objects.meta import Object, ObjectMeta, evolve
from proto.objects.pod import Pod
from tests.sim.trace import Trace
from tests.sim.users import DONE, tried
from tests.sim.workloads import ALL, TEAM, URGENT, Json, Propagation, Workload

T = TypeVar("T")
Obj = TypeVar("Obj", bound=Object)
Key = tuple[str, str, str]

CERTAIN_REFUSALS = frozenset(error.reason for error in (AlreadyExists, Conflict, NotFound, Unavailable, Invalid))
"""After these nothing has changed; after anything else nobody knows."""

GONE = ""
"""The mark of what was deleted."""

MARK = "mark"
RETRY_S = 0.5
EVICTION_ATTEMPTS = 3
OUT_OF_USE = Taint(key="people", value="away", effect="NoExecute")


class People:
    """Everyone who uses the cluster, one act at a time."""

    def __init__(self, client: Client, ids: Ids, trace: Trace):
        self.disturbed: set[tuple[str, str]] = set()
        """Pods (namespace and name) that people asked to end."""
        self._client = client
        self._ids = ids
        self._trace = trace
        self._marks = 0
        self._acknowledged: dict[Key, str] = {}
        self._unanswered: dict[Key, set[str]] = defaultdict(set)

    async def settle_in(self) -> None:
        """Make one of everything."""
        await self._until_done("create namespace", lambda: self._client.create(_namespace()))
        await self._until_done("create priority class", lambda: self._client.create(URGENT))
        for workload in ALL:
            await self._create(workload)

    async def act(self) -> None:
        """Do one thing."""
        dice = self._ids.uniform(0, 1)
        workload = self._one_of(ALL)
        if self._acknowledged.get(workload.key, GONE) == GONE:
            await self._create(workload)
        elif dice < 0.6 and workload.acts:
            await self._change(workload)
        elif dice < 0.7:
            await self._delete_a_pod(workload)
        elif dice < 0.78 and workload.deletions:
            await self._delete(workload, self._one_of(workload.deletions))
        elif dice < 0.86:
            await self._drain()
        elif dice < 0.9:
            await self._taint()
        else:
            await self.use_all_nodes()

    async def leave_it_well(self) -> None:
        """Bring back what is missing and undo what was tried, until each of it is acknowledged and seen."""
        await self.use_all_nodes(until_done=True)
        for workload in ALL:
            while not await self._settle(workload):
                await asyncio.sleep(RETRY_S)

    async def _settle(self, workload: Workload) -> bool:
        """Whether it is there, as it should be left."""
        try:
            found = await self._client.get(workload.kind, workload.name, workload.namespace)
        except NotFound:
            await self._create(workload)
            return False
        except ApiError:
            return False
        return not found.deleting and await self._change(workload, "settle", workload.settled) == DONE

    async def stop_the_clock(self) -> None:
        """Suspend what would begin by itself."""
        for workload in ALL:
            if workload.kind.KIND == "CronJob":
                while await self._change(workload, "suspend", {"suspend": True}) != DONE:
                    await asyncio.sleep(RETRY_S)

    async def leave(self) -> None:
        """Take everything away that people made, in the ways that may be drawn for it."""
        for workload in ALL:
            if workload.kind.KIND != "ResourceQuota":
                policy: Propagation = self._one_of(("Background", "Foreground"))
                await self._until_done(f"delete {workload.name}", partial(self._deletion, workload, policy))
        await self._until_done("delete namespace", lambda: self._client.delete(Namespace, TEAM))

    def broken_promises(self, objects: dict[Key, Object]) -> list[str]:
        """Acknowledged writes that are not there."""
        wrong = []
        for key, mark in self._acknowledged.items():
            found = objects.get(key)
            there = GONE if found is None or found.deleting else found.metadata.labels.get(MARK, "none")
            if there not in {mark, *self._unanswered[key]}:
                wrong.append(f"{'/'.join(key)} carries mark {there!r}, but {mark!r} was acknowledged last")
        return wrong

    async def use_all_nodes(self, *, until_done: bool = False) -> None:
        """Uncordon every node and take away the taints of people."""
        for node in await self._list(Node):
            kept = tuple(taint for taint in node.spec.taints if taint.key != OUT_OF_USE.key)
            if kept != node.spec.taints or node.spec.unschedulable:
                ready = evolve(node, **{"spec.taints": kept, "spec.unschedulable": False})
                await self._try(f"use node {node.metadata.name}", self._client.update(ready))
        while until_done and any(not _in_use(node) for node in await self._list(Node)):
            await asyncio.sleep(RETRY_S)
            await self.use_all_nodes()

    async def _create(self, workload: Workload) -> str:
        mark = self._new_mark()
        marked = evolve(workload.object(), **{"metadata.labels": {MARK: mark}})
        return await self._promise(f"create {workload.name}", workload, mark, self._client.create(marked))

    async def _change(self, workload: Workload, what: str = "", spec: Json | None = None) -> str:
        if spec is None:
            what, draw = self._one_of(tuple(workload.acts.items()))
            spec = draw(self._ids)
        mark = self._new_mark()
        patch = {"metadata": {"labels": {MARK: mark}}, "spec": spec}
        work = self._patch(workload, patch)
        return await self._promise(f"{what} {workload.name} {spec if what != 'settle' else ''}", workload, mark, work)

    async def _patch(self, workload: Workload, patch: Json) -> None:
        found = await self._client.patch(workload.kind, workload.name, workload.namespace, patch)
        if found.deleting:
            raise Conflict("what is being deleted keeps nothing")

    async def _delete(self, workload: Workload, policy: Propagation) -> None:
        work = self._deletion(workload, policy)
        await self._promise(f"delete {workload.name} {policy}", workload, GONE, work)

    def _deletion(self, workload: Workload, policy: Propagation) -> Awaitable[None]:
        return self._client.delete(workload.kind, workload.name, workload.namespace, propagation=policy)

    async def _delete_a_pod(self, workload: Workload) -> None:
        """One of its pods; sometimes by force, but never of those of which there must not be two."""
        pods = await self._list(Pod, workload.namespace, f"app={workload.name}")
        if not pods:
            return
        pod = self._one_of(pods)
        owner = pod.metadata.controller
        by_force = (owner is None or owner.kind != "StatefulSet") and self._ids.uniform(0, 1) < 0.3
        self.disturbed.add(pod.key)
        work = self._client.delete(Pod, pod.metadata.name, pod.metadata.namespace, grace_s=0 if by_force else None)
        await self._try(f"delete pod {pod.metadata.name}{' by force' if by_force else ''}", work)

    async def _drain(self) -> None:
        """Cordon a node and evict its pods, as far as their budgets allow."""
        nodes = await self._list(Node)
        if not nodes:
            return
        name = self._one_of(nodes).metadata.name
        await self._try(f"cordon {name}", self._client.patch(Node, name, "", {"spec": {"unschedulable": True}}))
        for _ in range(EVICTION_ATTEMPTS):
            pods = [pod for pod in await self._list(Pod) if _can_be_drained(pod, name)]
            for pod in pods:
                work = self._client.evict(pod.metadata.name, pod.metadata.namespace)
                await self._try(f"evict {pod.metadata.name} from {name}", work)
            await asyncio.sleep(RETRY_S)

    async def _taint(self) -> None:
        nodes = await self._list(Node)
        if nodes:
            node = self._one_of(nodes)
            tainted = evolve(node, **{"spec.taints": (*node.spec.taints, OUT_OF_USE)})
            await self._try(f"taint {node.metadata.name}", self._client.update(tainted))

    async def _promise(self, what: str, workload: Workload, mark: str, work: Awaitable[object]) -> str:
        """Do it, and write down what was promised."""
        outcome = await self._try(what, work)
        if outcome == DONE:
            self._acknowledged[workload.key] = mark
        elif outcome not in CERTAIN_REFUSALS:
            self._unanswered[workload.key].add(mark)
        return outcome

    async def _until_done(self, what: str, work: Callable[[], Awaitable[Any]]) -> None:
        """Again and again, until it is done, or was done by a request that was not answered."""
        while await self._try(what, work()) not in (DONE, AlreadyExists.reason, NotFound.reason):
            await asyncio.sleep(RETRY_S)

    async def _try(self, what: str, work: Awaitable[object]) -> str:
        return await tried(self._trace, "people", what, work)

    async def _list(self, kind: type[Obj], namespace: str = "", labels: str = "") -> tuple[Obj, ...]:
        try:
            return (await self._client.list(kind, namespace, label_selector=labels)).items
        except ApiError as error:
            self._trace.note("people", f"list {kind.KIND}: {error.reason}")
            return ()

    def _one_of(self, options: Sequence[T]) -> T:
        return options[int(self._ids.uniform(0, len(options)))]

    def _new_mark(self) -> str:
        self._marks += 1
        return str(self._marks)


def _namespace() -> Namespace:
    return Namespace(metadata=ObjectMeta(name=TEAM))


def _in_use(node: Node) -> bool:
    return not node.spec.unschedulable and all(taint.key != OUT_OF_USE.key for taint in node.spec.taints)


def _can_be_drained(pod: Pod, node: str) -> bool:
    owner = pod.metadata.controller
    return pod.spec.node_name == node and not pod.deleting and (owner is None or owner.kind != "DaemonSet")

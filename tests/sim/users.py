"""What people do to the cluster during a run, and what it promised them.

The ledger holds what was acknowledged. Where an answer did not come the outcome is unknown; then either is right until
somebody reads it back, as a careful person would.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field

from proto.client.typed import Client
from proto.errors import AlreadyExists, ApiError, Conflict, NotFound, Unavailable
from proto.ids import Ids
from proto.objects.apps import Deployment, DeploymentSpec
from proto.objects.container import Container, ContainerPort, ResourceRequirements
from proto.objects.core import Node
from proto.objects.meta import LabelSelector, ObjectMeta
from proto.objects.pod import Pod, PodSpec, PodTemplateSpec
from tests.sim.trace import Trace

NAMESPACE = "default"

DONE = "done"
CERTAIN_REFUSALS = frozenset(error.reason for error in (AlreadyExists, Conflict, NotFound, Unavailable))
"""After these nothing has changed; after anything else nobody knows."""

APPS_MAX = 4
REPLICAS_MAX = 6
POD_CPU_MILLIS = 100

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("fake",),
    ("fake", "--start-delay", "0.3"),
    ("fake", "--stop-after", "1.5"),
    ("fake", "--ignore-term"),
)


@dataclass
class Ledger:
    """What may be true of each Deployment: a replica count, or None where it may not exist.

    A request that was not answered in time may still take effect after a later one did: until people read back, it
    stays possible.
    """

    acknowledged: dict[str, int | None] = field(default_factory=dict)
    unanswered: dict[str, set[int | None]] = field(default_factory=dict)
    disturbed: set[str] = field(default_factory=set)
    """Those whose pods people took away or replaced: their pods may end without a fault."""
    removed_nodes: set[str] = field(default_factory=set)
    """Nodes whose objects people deleted: their pods go with them, until the agent registers again."""

    def possible(self, name: str) -> set[int | None]:
        """What may be found."""
        return {self.acknowledged.get(name), *self.unanswered.get(name, ())}

    def names(self) -> list[str]:
        """Everything that was ever asked for."""
        return sorted({*self.acknowledged, *self.unanswered})


class User:
    """One person with a client and a habit of changing things; `nodes` are those that he may delete."""

    def __init__(self, client: Client, ids: Ids, trace: Trace, nodes: Sequence[str] = ()):
        self.client = client
        self.ledger = Ledger()
        self._ids = ids
        self._trace = trace
        self._count = 0
        self._nodes = nodes
        self._most: dict[str, int] = {}

    async def act(self) -> None:
        """Do one thing."""
        names = [name for name in self.ledger.names() if self.ledger.possible(name) != {None}]
        dice = self._ids.uniform(0, 1)
        if not names or (dice < 0.2 and len(names) < APPS_MAX):
            await self.create()
            return
        name = names[int(self._ids.uniform(0, len(names)))]
        if dice < 0.55:
            await self.scale(name, min(int(self._ids.uniform(0, 1.5 * self._most[name])), self._most[name]))
        elif dice < 0.65:
            await self.delete_a_pod(name)
        elif dice < 0.7:
            await self.delete_a_pod(name, grace_s=0)
        elif dice < 0.75:
            await self.delete_a_node()
        elif dice < 0.9:
            await self.roll(name)
        else:
            await self.delete(name)

    async def create(
        self,
        replicas: int | None = None,
        command: tuple[str, ...] | None = None,
        port: int = 0,
        most: int = REPLICAS_MAX,
    ) -> str:
        """A new Deployment; its name. It is never scaled beyond `most`."""
        self._count += 1
        name = f"app-{self._count}"
        self._most[name] = most
        replicas = int(self._ids.uniform(1, 1 + most)) if replicas is None else replicas
        command = command or COMMANDS[int(self._ids.uniform(0, len(COMMANDS)))]
        work = self.client.create(_deployment(name, replicas, command, port))
        await self._settle(f"create {name} x{replicas} {' '.join(command)}", work, name, replicas)
        return name

    async def scale(self, name: str, replicas: int) -> None:
        """Another count."""
        self.ledger.disturbed.add(name)
        work = self.client.scale(Deployment, name, NAMESPACE, replicas)
        await self._settle(f"scale {name} to {replicas}", work, name, replicas)

    async def delete(self, name: str) -> None:
        """Away with it."""
        await self._settle(f"delete {name}", self.client.delete(Deployment, name, NAMESPACE), name, None)

    async def roll(self, name: str) -> None:
        """Another template: a rollout."""
        self.ledger.disturbed.add(name)
        self._count += 1
        patch = {"spec": {"template": {"metadata": {"annotations": {"change": str(self._count)}}}}}
        await self._try(f"roll {name}", self.client.patch(Deployment, name, NAMESPACE, patch))

    async def delete_a_node(self) -> None:
        """One node's object, if this person does such things."""
        if self._nodes:
            name = self._nodes[int(self._ids.uniform(0, len(self._nodes)))]
            self.ledger.removed_nodes.add(name)
            await self._try(f"delete node {name}", self.client.delete(Node, name))

    async def delete_a_pod(self, name: str, grace_s: int | None = None) -> None:
        """One pod of it, whichever; with `grace_s` 0 without waiting for its node."""
        self.ledger.disturbed.add(name)
        try:
            pods = (await self.client.list(Pod, NAMESPACE, label_selector=f"app={name}")).items
        except ApiError as error:
            self._trace.note("user", f"list pods of {name}: {error.reason}")
            return
        if pods:
            pod = pods[int(self._ids.uniform(0, len(pods)))].metadata.name
            work = self.client.delete(Pod, pod, NAMESPACE, grace_s=grace_s)
            await self._try(f"delete pod {pod} grace={grace_s}", work)

    async def read_back(self) -> None:
        """Look what became of everything, and hold the cluster to what it promised.

        Raises:
            AssertionError: something is not as it was acknowledged.
        """
        for name in self.ledger.names():
            try:
                found: Deployment | None = await self.client.get(Deployment, name, NAMESPACE)
            except NotFound:
                found = None
            replicas = None if found is None or found.deleting else found.spec.replicas
            possible = self.ledger.possible(name)
            assert replicas in possible, f"{name} has {replicas} replicas, but people were promised {possible}"
            self.ledger.acknowledged[name] = replicas
            self.ledger.unanswered.pop(name, None)

    async def _settle(self, what: str, work: Awaitable[object], name: str, replicas: int | None) -> None:
        """Do it, and write down what was promised."""
        outcome = await self._try(what, work)
        if outcome == DONE:
            self.ledger.acknowledged[name] = replicas
        elif outcome not in CERTAIN_REFUSALS:
            self.ledger.unanswered.setdefault(name, set()).add(replicas)

    async def _try(self, what: str, work: Awaitable[object]) -> str:
        return await tried(self._trace, "user", what, work)


async def tried(trace: Trace, who: str, what: str, work: Awaitable[object]) -> str:
    """Ask for something and note how it ended: `DONE`, or the reason of the refusal."""
    try:
        await work
        outcome = DONE
    except ApiError as error:
        outcome = error.reason
    trace.note(who, f"{what}: {outcome}")
    return outcome


def _deployment(name: str, replicas: int, command: tuple[str, ...], port: int) -> Deployment:
    labels = {"app": name}
    container = Container(
        name="main",
        command=command,
        ports=(ContainerPort(container_port=port),),
        resources=ResourceRequirements(requests={"cpu": f"{POD_CPU_MILLIS}m", "memory": "64Mi"}),
    )
    return Deployment(
        metadata=ObjectMeta(name=name, namespace=NAMESPACE),
        spec=DeploymentSpec(
            replicas=replicas,
            selector=LabelSelector(match_labels=labels),
            template=PodTemplateSpec(
                metadata=ObjectMeta(labels=labels),
                spec=PodSpec(containers=(container,), termination_grace_period_seconds=3),
            ),
        ),
    )

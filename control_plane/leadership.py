"""What the leader runs: everything that starts with a term of leadership and ends with it.

The mirror, the scheduler's table and the hub's hearing are older than the term: a replica keeps them warm, so that a
new leader acts at once.

*Reads*: the mirror. *Writes*: through a store that is fenced by the term. *Never*: outlives the term.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from control_plane import controllers
from control_plane.amend import Amender
from control_plane.engine.apply import Applier
from control_plane.engine.bootstrap import keep_built_in
from control_plane.engine.election import ElectionPace, Term
from control_plane.engine.events import EventRecorder
from control_plane.engine.fence import FencedStore
from control_plane.engine.leader_lease import LeaderLease
from control_plane.engine.loop import LoopPace, ReconcileLoop
from control_plane.engine.scheduler import Scheduler, SchedulerTable
from control_plane.hub.hearing import Hearing
from control_plane.hub.hub import Hub, HubPace
from control_plane.store.mirror import Mirror
from control_plane.store.port import Store
from control_plane.tasks import Tasks
from proto.bus.port import Bus
from proto.clock import Clock
from proto.ids import Ids

COMPONENT = "setpoint-control-plane"
"""Who Events say they come from."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a replica behaves. `holder` names it in the election and must be its own alone."""

    holder: str
    hub: HubPace = field(default_factory=HubPace)
    election: ElectionPace = field(default_factory=ElectionPace)
    loops: LoopPace = field(default_factory=LoopPace)


class Leadership:
    """Begins and ends terms; at most one at a time. `on_death(task)`: an eternal task of the term has ended."""

    def __init__(
        self,
        bus: Bus,
        store: Store,
        mirror: Mirror,
        clock: Clock,
        ids: Ids,
        settings: Settings,
        on_death: Callable[[str], None],
    ):
        self._bus = bus
        self._store = store
        self._mirror = mirror
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._on_death = on_death
        self._table = SchedulerTable(mirror)
        self._hearing = Hearing(bus, clock)
        self._tasks: Tasks | None = None
        self.hub: Hub | None = None

    async def start(self, term: Term) -> None:
        """Run everything for `term`, as soon as the mirror shows all that was written before it."""
        self._tasks = tasks = Tasks(self._on_death)
        tasks.spawn("term", self._lead(term, tasks))

    async def _lead(self, term: Term, tasks: Tasks) -> None:
        store = FencedStore(self._store, term.held)
        amender = Amender(store, self._mirror)
        lease = LeaderLease(amender, self._mirror, self._clock, self._ids, self._settings.holder, term.epoch)
        await lease.claim()
        recorder = EventRecorder(amender, self._mirror, self._clock, self._ids, component=COMPONENT)
        tasks.spawn("events", recorder.run())
        self._serve_nodes(term, tasks, amender, recorder)
        self._run_loops(tasks, store, amender, recorder)
        await lease.keep()

    def _serve_nodes(self, term: Term, tasks: Tasks, amender: Amender, recorder: EventRecorder) -> None:
        self.hub = Hub(
            self._bus, self._hearing, self._mirror, amender, self._clock, self._ids, tasks, recorder.record,
            held=term.held, epoch=term.epoch, pace=self._settings.hub,
        )  # fmt: skip
        tasks.spawn("hub", self.hub.run())

    def _run_loops(self, tasks: Tasks, store: FencedStore, amender: Amender, recorder: EventRecorder) -> None:
        mirror, clock, ids = self._mirror, self._clock, self._ids
        scheduler = Scheduler(self._table, store, mirror, amender, clock, tasks, recorder.record)
        tasks.spawn("scheduler", scheduler.run())
        applier = Applier(store, mirror, clock, ids, recorder.record)
        for controller in controllers.ALL:
            loop = ReconcileLoop(controller, mirror, applier, clock, recorder.record, self._settings.loops)
            tasks.spawn(f"controller {controller.name}", loop.run())
        tasks.spawn("built-in objects", keep_built_in(amender, mirror, clock, ids))

    async def stop(self) -> None:
        """End everything of the term."""
        self.hub = None
        if self._tasks is not None:
            await self._tasks.stop()
            self._tasks = None

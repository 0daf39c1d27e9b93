"""A simulated control plane: the real one, on ports in memory, with everything that can befall its program."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context

from control_plane.program import ControlPlane, Settings
from control_plane.store.memory import MemoryLeaderKeys, MemoryStore, MemoryStoreServer
from control_plane.store.port import StoreUnavailable
from proto.bus.memory import MemoryNetwork
from proto.clock import LoopClock
from proto.ids import Ids, RandomIds, hash64
from proto.objects.meta import Object
from tests.sim.bus import ProgramBus
from tests.sim.programs import Program
from tests.sim.trace import Trace

RESTART_S = 1.0
"""How long the service manager waits before it starts a program again."""

Write = Callable[[Object, int], Awaitable[int]]

TRAVEL_S = (0.0002, 0.02)
"""How long something takes between a control plane and the store, one way."""

LOST_ACKS = 5
SLOW_FEED_S = 1.0
STALE_FEED_S = 7.0
"""Longer than a loop waits to see its own writes."""


class SimControlPlane:
    """One replica: kill it, freeze it, cut it off from the bus, from the store, or from both."""

    def __init__(
        self,
        name: str,
        server: MemoryStoreServer,
        network: MemoryNetwork,
        seed: int,
        trace: Trace,
        leads: Callable[[str, int], None],
    ):
        self.name = name
        self.deaths: list[str] = []
        self._server = server
        self._network = network
        self._seed = seed
        self._trace = trace
        self._leads = leads
        self._lives = 0
        self._program: Program | None = None
        self._replica: ControlPlane | None = None
        self._store: _DistantStore | None = None
        self._bus: ProgramBus | None = None

    @property
    def leading(self) -> bool:
        """Whether it is there and believes that it leads."""
        program, replica = self._program, self._replica
        return program is not None and replica is not None and not program.killed and replica.leading

    def start(self) -> None:
        """Start the program."""
        self._lives += 1
        self._program = Program(self.name, self._ended)
        self._bus = ProgramBus(self._network, self.name, self._program)
        ids = RandomIds(hash64(self._seed, self.name, self._lives, "store"))
        self._store = _DistantStore(self._server, ids, self._die)
        self._replica = None
        self._trace.note(self.name, f"control plane starts life={self._lives}")
        self._program.start(self._run(self._bus, self._store))

    def ensure(self) -> None:
        """The service manager starts it if it is not there."""
        if self._program is None or self._program.killed:
            self.start()

    def kill(self) -> None:
        """SIGKILL."""
        if self._program is None or self._program.killed:
            return
        self._program.kill()
        if self._bus is not None:
            self._bus.vanish()

    def freeze(self) -> None:
        """SIGSTOP."""
        if self._program is not None:
            self._program.freeze()

    def thaw(self) -> None:
        """SIGCONT."""
        if self._program is not None:
            self._program.thaw()

    def lose_store(self) -> None:
        """The store is out of reach, the bus is not."""
        if self._store is not None:
            self._store.away = True

    def regain_store(self) -> None:
        """It is back."""
        if self._store is not None:
            self._store.away = False

    def cut_off(self) -> None:
        """The link goes down silently, and with it the store."""
        self._network.partition(self.name)
        self.lose_store()

    def join_again(self) -> None:
        """The link is up."""
        self._network.heal(self.name)
        self.regain_store()

    def disconnect(self) -> None:
        """The connection is reset."""
        self._network.disconnect(self.name)
        self.lose_store()

    def reconnect(self) -> None:
        """The connection is back."""
        self._network.heal(self.name)
        self.regain_store()

    def lose_acks(self) -> None:
        """The next writes happen, but the writer is not told."""
        if self._store is not None:
            self._store.lose_acks = LOST_ACKS

    def slow_feed(self) -> None:
        """It hears of changes late."""
        if self._store is not None:
            self._store.feed_delay_s = SLOW_FEED_S

    def fall_behind(self) -> None:
        """What it knows is old."""
        if self._store is not None:
            self._store.feed_delay_s = STALE_FEED_S

    def die_at_write(self, number: int) -> None:
        """It is killed at its next but so many write: for an even number before the store has it, else after."""
        if self._store is not None:
            self._store.deadly_write = number

    def spare(self) -> None:
        """It need not die any more."""
        if self._store is not None:
            self._store.deadly_write = None

    def lose_key(self) -> None:
        """The store forgets who leads; the leader, whose renewals get no answer, does not know of it yet."""
        if self._store is not None:
            self._store.keys_away = True
            self._server.leader = None

    def regain_key(self) -> None:
        """Questions about who leads are answered again."""
        if self._store is not None:
            self._store.keys_away = False

    def speed_up_feed(self) -> None:
        """It hears of changes at once."""
        if self._store is not None:
            self._store.feed_delay_s = TRAVEL_S[0]

    async def _run(self, bus: ProgramBus, store: _DistantStore) -> None:
        ids = RandomIds(hash64(self._seed, self.name, self._lives))
        keys = _DistantKeys(store, lambda epoch: self._leads(self.name, epoch))
        settings = Settings(holder=f"{self.name}-{self._lives}")
        replica = self._replica = ControlPlane(bus, store, keys, LoopClock(), ids, settings)
        await replica.start()
        self._trace.note(self.name, "serves")
        raise RuntimeError(f"{await replica.failed()} ended")

    def _die(self) -> None:
        self._trace.note(self.name, "is killed between two writes")
        self.kill()

    def _ended(self, program: Program, error: BaseException | None) -> None:
        """The service manager's part: a program that ends by itself is noted and started again."""
        self.deaths.append(f"{self.name} ended by itself: {error!r}")
        self._trace.note(self.name, f"ended by itself {error!r}")
        self.kill()
        asyncio.get_running_loop().call_later(RESTART_S, self.ensure, context=Context())


class _DistantStore(MemoryStore):
    """A store at the other end of a network: every write takes a while to get there, and its answer to come back."""

    def __init__(self, server: MemoryStoreServer, ids: Ids, die: Callable[[], None]):
        super().__init__(server)
        self._ids = ids
        self._die = die
        self.feed_delay_s = ids.uniform(*TRAVEL_S)
        self.keys_away = False
        self.deadly_write: int | None = None

    async def travel(self) -> None:
        """One way."""
        await asyncio.sleep(self._ids.uniform(*TRAVEL_S))

    async def put(self, obj: Object, expected_revision: int) -> int:
        return await self._there_and_back(super().put, obj, expected_revision)

    async def delete(self, obj: Object, expected_revision: int) -> int:
        return await self._there_and_back(super().delete, obj, expected_revision)

    async def _there_and_back(self, write: Write, obj: Object, expected_revision: int) -> int:
        await self.travel()
        if self.deadly_write is None:
            revision = await write(obj, expected_revision)
        else:
            revision = await self._on_the_verge(write, obj, expected_revision)
        await self.travel()
        return revision

    async def _on_the_verge(self, write: Write, obj: Object, expected_revision: int) -> int:
        """Write, unless it is the write at which the program is killed: what is killed never comes back from here."""
        assert self.deadly_write is not None
        number, self.deadly_write = self.deadly_write, self.deadly_write - 2
        if number == 0:
            self._die()
            await asyncio.sleep(0)
        revision = await write(obj, expected_revision)
        if number == 1:
            self._die()
            await asyncio.sleep(0)
        return revision


class _DistantKeys(MemoryLeaderKeys):
    """The leader's key at the other end of a network; every epoch that is drawn is told."""

    def __init__(self, store: _DistantStore, told: Callable[[int], None]):
        super().__init__(store)
        self._distant = store
        self._told = told

    async def acquire(self, holder: str, ttl_s: float) -> int | None:
        await self._reach_keys()
        revision = await super().acquire(holder, ttl_s)
        await self._distant.travel()
        return revision

    async def renew(self, holder: str, revision: int, ttl_s: float) -> int | None:
        await self._reach_keys()
        renewed = await super().renew(holder, revision, ttl_s)
        await self._distant.travel()
        return renewed

    async def _reach_keys(self) -> None:
        await self._distant.travel()
        if self._distant.keys_away:
            raise StoreUnavailable("nobody answers for the leader's key")

    async def next_epoch(self) -> int:
        await self._distant.travel()
        epoch = await super().next_epoch()
        self._told(epoch)
        return epoch

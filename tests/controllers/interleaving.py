"""Who acts when, around one workload: the rules that state machines about rollouts share."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.controllers.nodes import Machines
from tests.controllers.world import World

VERSIONS = ("v1", "v2", "v3")


class Interleaved(RuleBasedStateMachine):
    """Broken versions, a lagging mirror, crashing controllers and passing time."""

    world: World
    machines: Machines

    @rule(version=st.sampled_from(VERSIONS))
    def a_version_is_broken(self, version: str) -> None:
        self.machines.broken.add(version)

    @rule(version=st.sampled_from(VERSIONS))
    def a_version_is_repaired(self, version: str) -> None:
        self.machines.broken.discard(version)

    @rule(numbers=st.lists(st.integers(0, 50), min_size=1, max_size=8), seen=st.integers(0, 6))
    def controllers_act(self, numbers: list[int], seen: int) -> None:
        for number in numbers:
            self.world.step(number)
            self.world.catch_up(seen)

    @rule(number=st.integers(0, 50), writes=st.integers(0, 3))
    def a_controller_crashes_between_two_writes(self, number: int, writes: int) -> None:
        self.world.step(number, crash_after=writes)

    @rule(seconds=st.integers(1, 30))
    def time_passes(self, seconds: int) -> None:
        self.world.advance(seconds)

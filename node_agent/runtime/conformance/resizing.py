"""For drivers that can resize containers and bound levels (`abilities.Resizes`, `abilities.Levels`)."""

import pytest

from node_agent.runtime.abilities import Levels, Resizes
from node_agent.runtime.conformance.rig import Rig, RuntimeSuite
from node_agent.runtime.port import NO_LIMITS, Limits, NoSuchContainer


@pytest.mark.asyncio
class ResizeConformance(RuntimeSuite):
    """Limits change while a container runs, and stay changed."""

    async def test_other_limits_are_in_force_over_a_restart_of_the_agent(self, rig: Rig) -> None:
        await rig.start("u.a.0", rig.programs.runs)
        assert isinstance(rig.runtime, Resizes)
        limits = Limits(memory_bytes=2**26, cpu_millis=500, cpu_request_millis=250)
        assert (await rig.runtime.resize("u.a.0", limits)).limits == limits
        await rig.restart_agent()
        (found,) = await rig.runtime.list()
        assert found.limits == limits

    async def test_what_has_ended_keeps_its_limits_and_what_is_unknown_is_told(self, rig: Rig) -> None:
        await rig.start("u.a.0", rig.programs.runs)
        await rig.runtime.stop("u.a.0", 0)
        assert isinstance(rig.runtime, Resizes)
        assert (await rig.runtime.resize("u.a.0", Limits(cpu_millis=500))).limits == NO_LIMITS
        with pytest.raises(NoSuchContainer):
            await rig.runtime.resize("u.b.0", NO_LIMITS)

    async def test_levels_are_bounded(self, rig: Rig) -> None:
        assert isinstance(rig.runtime, Levels)
        await rig.runtime.bound("", Limits(memory_bytes=2**30, cpu_request_millis=1000))
        await rig.runtime.bound("burstable", Limits(cpu_request_millis=100))

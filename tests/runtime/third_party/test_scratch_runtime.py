"""A third party's driver holds itself to the port, and promises a thing of its own."""

from pathlib import Path

from scratch_runtime import ScratchRuntime

from node_agent.runtime.conformance import (
    LimitsConformance,
    ProgramConformance,
    Rig,
    RuntimeConformance,
    TreeKillConformance,
)


class TestScratchRuntime(RuntimeConformance, ProgramConformance, LimitsConformance, TreeKillConformance):
    def make_rig(self, folder: Path) -> Rig:
        return Rig(folder, ScratchRuntime)

    async def test_it_has_a_place_of_its_own_for_temporary_files(self, rig: Rig) -> None:
        await rig.start_shell("u.a.0", 'cd "$TMPDIR" && pwd')
        await rig.ended("u.a.0")
        place = Path(rig.lines("u.a.0")[0].content.decode())
        assert place.is_dir()
        await rig.runtime.remove("u.a.0")
        assert not place.exists()

"""The paces that benchmarks and real clusters of tests ask for are such as a control plane takes."""

from __future__ import annotations

import pytest

from benchmarks.throughput import CROWD_PACE
from control_plane.__main__ import parse
from tests.chaos.test_chaos import PACE as CHAOS_PACE
from tests.failures.test_fencing import PACE as FENCING_PACE


@pytest.mark.parametrize("pace", [CROWD_PACE, CHAOS_PACE, FENCING_PACE], ids=["crowd", "chaos", "fencing"])
def test_it_makes_sense(pace: tuple[str, ...]) -> None:
    arguments = parse(pace)
    assert arguments.heartbeat_s < arguments.grace_s < arguments.lease_s

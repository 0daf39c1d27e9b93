"""How the tests share a machine of two cores.

With `-n 2 --dist loadgroup`, as `make test` runs them, one worker takes every test that runs programs, one after the
other, so that these never have each other for a neighbour; the other worker computes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

COMPUTING = {"admission", "api", "controllers", "engine", "hub", "objects", "scheduling", "sim"}
"""Rooms whose tests start no program and wait for none; a file of these that does is named below."""

RUNNING = {"test_over_nats.py", "test_program_on_nats.py"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        room, *_ = item.path.relative_to(here).parts
        if room not in COMPUTING or item.path.name in RUNNING:
            item.add_marker(pytest.mark.xdist_group("running"))

"""How the tests share a machine of two cores.

With `-n 2`, as `make test` runs them, one worker takes every test that runs programs, one after the other, so that
these never have each other for a neighbour; the other worker computes.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

COMPUTING = {"admission", "api", "controllers", "engine", "hub", "objects", "scheduling", "sim"}
"""Rooms whose tests start no program and wait for none; a file of these that does is named below."""

RUNNING = {"test_over_nats.py", "test_program_on_nats.py"}


class OneMachine(LoadScopeScheduling):  # type: ignore[misc]
    """All tests that run programs are one piece of work, every other test is one of its own.

    (xdist's own `loadgroup` would say this with marks; with pytest 9.2 it does not see them.)
    """

    def _split_scope(self, nodeid: str) -> str:
        path = PurePath(nodeid.partition("::")[0])
        computes = COMPUTING.intersection(path.parts) and path.name not in RUNNING
        return nodeid if computes else "running"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneMachine:
    return OneMachine(config, log)

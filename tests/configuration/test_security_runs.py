"""Security contexts of real pods, from the manifest to the process."""

from __future__ import annotations

import os
import pwd

import pytest

from tests.configuration.seeing import Seeing, shell

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOBODY = {"runAsUser": pwd.getpwnam("nobody").pw_uid}
RESTRICTED = {
    "runAsUser": 4321,
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "rlimits": [{"name": "nofile", "soft": 64, "hard": 128}],
}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run programs as another user")
async def test_a_restricted_pod_runs_as_it_was_told_and_writes_its_own_folder(machine: Seeing) -> None:
    script = (
        'set -e; touch mine; test "$(id -u):$(id -g):$(id -G)" = "4321:4321:4321 8765"; '
        'test "$(stat -c %u:%g:%a .)" = 4321:8765:2775; test "$(stat -c %g mine)" = 8765; '
        'test "$(ulimit -n)" = 64; test "$HOME" = /; grep -q "NoNewPrivs:.1" /proc/self/status; ! touch /etc/mine'
    )
    await machine.make(
        shell("restricted", script, securityContext=RESTRICTED, pod={"securityContext": {"fsGroup": 8765}})
    )
    assert await machine.ended("restricted") == 0
    await machine.make(shell("nobody", f'test "$HOME" = "{pwd.getpwnam("nobody").pw_dir}"', securityContext=NOBODY))
    assert await machine.ended("nobody") == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="others than root are refused for another reason")
async def test_root_is_refused_where_it_may_not_be(machine: Seeing) -> None:
    await machine.make(shell("rooted", "true", securityContext={"runAsNonRoot": True}))
    message = await machine.waits("rooted", "CreateContainerConfigError")
    assert message.startswith("container has runAsNonRoot and would run as root")
    assert await machine.event("rooted", "Failed") == f"Error: {message}"

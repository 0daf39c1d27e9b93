"""A command that somebody talks with, held by a connection of its own to the supervisor: it ends with that."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from node_agent.runtime.abilities import CommandFiles
from node_agent.runtime.port import RuntimeUnavailable
from node_agent.runtime.translation import failure_of
from node_agent.supervisor.client import SupervisorClient, SupervisorGone, SupervisorRefused

FOR_EVER_S = 365 * 86400.0


async def held_command(
    socket_path: Path,
    container_id: str,
    argv: tuple[str, ...],
    *,
    env: Mapping[str, str],
    working_dir: Path | None,
    files: CommandFiles,
) -> int:
    """Runs the command until it ends; its exit code. It ends with the call, and with this agent.

    Raises:
        RuntimeFailure: As `Converses` says.
    """
    try:
        client = await SupervisorClient.connect(socket_path)
    except SupervisorGone as problem:
        raise RuntimeUnavailable(str(problem)) from problem
    try:
        answer = await client.call(
            "execute", within_s=FOR_EVER_S, container=container_id, argv=list(argv), env=dict(env),
            working_dir=None if working_dir is None else os.fspath(working_dir), files=asdict(files),
        )  # fmt: skip
    except SupervisorRefused as refusal:
        raise failure_of(refusal) from refusal
    except SupervisorGone as problem:
        raise RuntimeUnavailable(f"the command's end is unknown: {problem}") from problem
    finally:
        await client.close()
    return int(answer["exit_code"])

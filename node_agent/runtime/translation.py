"""Between the words of the runtime port and those of the supervisor. Pure."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from node_agent.cgroup.port import limits_in
from node_agent.runtime.port import (
    ContainerPhase,
    ContainerSpec,
    ContainerState,
    ExitReason,
    NoSuchContainer,
    RuntimeFailure,
    Security,
    StartFailed,
    StdinNotOpen,
)
from node_agent.supervisor.client import SupervisorRefused
from node_agent.supervisor.wire import BAD_REQUEST, NO_STDIN, NO_SUCH_CONTAINER, START_FAILED


def start_message(spec: ContainerSpec, security: Security) -> dict[str, Any]:
    """The parameters of `start`; `security` is that of the spec, in this machine's numbers."""
    return {
        "container": spec.id,
        "argv": list(spec.argv),
        "env": dict(spec.env),
        "working_dir": None if spec.working_dir is None else os.fspath(spec.working_dir),
        "limits": spec.limits._asdict(),
        "log": {
            "path": os.fspath(spec.log.path.absolute()),
            "max_bytes": spec.log.max_bytes,
            "max_files": spec.log.max_files,
        },
        "annotations": dict(spec.annotations),
        "fence": None if spec.fence is None else spec.fence._asdict(),
        "level": spec.level,
        "oom_score_adj": spec.oom_score_adj,
        "security": security._asdict(),
        "stop_signal": int(spec.stop_signal),
        "stdio": {"stdin": spec.stdin, "once": spec.stdin_once, "tty": spec.tty},
    }


def state_of(container: dict[str, Any]) -> ContainerState:
    """The state that the supervisor tells of."""
    reason = container["reason"]
    return ContainerState(
        id=container["id"],
        phase=ContainerPhase(container["phase"]),
        pid=container["pid"],
        started_at_s=container["started_at_s"],
        finished_at_s=container["finished_at_s"],
        exit_code=container["exit_code"],
        signal=container["signal"],
        reason=None if reason is None else ExitReason(reason),
        oom_killed=container["oom_killed"],
        log_path=Path(container["log_path"]) if container["log_path"] else None,
        annotations=container["annotations"],
        limits=limits_in(container["limits"]),
    )


def failure_of(refusal: SupervisorRefused) -> RuntimeFailure:
    """The port's word for a refusal."""
    if refusal.kind == START_FAILED:
        return StartFailed(refusal.errno or 0, str(refusal))
    if refusal.kind == NO_SUCH_CONTAINER:
        return NoSuchContainer(str(refusal))
    if refusal.kind == NO_STDIN:
        return StdinNotOpen(str(refusal))
    if refusal.kind == BAD_REQUEST:
        return StartFailed(errno.EINVAL, str(refusal))
    return RuntimeFailure(str(refusal))

"""Why a container does not come up, as the reason that it waits for its next life: its program could not be executed,
or its postStart hook failed.

Told until the back-off grows beyond its first step; from then on `CrashLoopBackOff` says that it goes on like this, and
the last state why (the kubelet alternates between the two). Source: Kubernetes `pkg/kubelet/container/sync_result.go`.

Reads: a container's latest life. Returns: a `Hold`. Never: decides whether it is started again.
"""

from __future__ import annotations

from collections.abc import Mapping

from node_agent.plan.launch import Hold
from node_agent.plan.lives import START_ERROR, Life

RUN_ERROR = "RunContainerError"
POST_START_ERROR = "PostStartHookError"


def failure_of(life: Life | None, ungreeted: Mapping[str, str]) -> Hold | None:
    """What kept a life from coming up; None if it came up. `ungreeted`: containers whose postStart hook failed, why."""
    if life is None or life.ending is None:
        return None
    if life.ending.reason == START_ERROR:
        return Hold(RUN_ERROR, life.ending.message)
    if life.container_id in ungreeted:
        return Hold(POST_START_ERROR, f"PostStartHook failed: {ungreeted[life.container_id]}")
    return None

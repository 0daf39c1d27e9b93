"""Hooks under way: each ends with its container at the latest.

Reads: targets, handlers. Never: decides what follows from a hook that failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from node_agent.background import Background
from node_agent.health.actions import Actions
from node_agent.plan.view import Target
from proto.objects.health import LifecycleHandler


class Hooks:
    """Runs hooks of containers."""

    def __init__(self, actions: Actions, background: Background) -> None:
        self._actions = actions
        self._background = background
        self._under_way: dict[str, asyncio.Task[Any]] = {}

    async def run(self, target: Target, handler: LifecycleHandler, timeout_s: float | None = None) -> str:
        """Do what a hook says, at most for `timeout_s`; what went wrong, or "" (also if the container ended first)."""
        container_id = str(target.id)
        hook = self._background.spawn(self._actions.hook(target, handler), f"hook of {container_id}")
        self._under_way[container_id] = hook
        await asyncio.wait((hook,), timeout=timeout_s)
        if self._under_way.get(container_id) is hook:
            del self._under_way[container_id]
        if not hook.done():
            hook.cancel()
            return f"it was not done when its time of {timeout_s:g}s was over"
        return "" if hook.cancelled() else str(hook.result())

    def end_all_but(self, uid: str, running: Collection[str]) -> None:
        """Nobody waits any more for hooks of the pod's containers that have ended."""
        for container_id, hook in self._under_way.items():
            if container_id.startswith(f"{uid}.") and container_id not in running:
                hook.cancel()

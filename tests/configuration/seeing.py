"""Pods that tell what they find, and what is told of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from proto.client.typed import Client
from proto.errors import NotFound
from proto.objects.core import Event
from proto.objects.meta import Object
from proto.objects.pod import Pod
from proto.objects.pod_status import ContainerState
from tests.waiting import eventually

WITHIN_S = 20.0


class Seeing:
    """A cluster's user: makes pods, and waits for what becomes of them."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def make(self, *objects: Object) -> None:
        """Create objects."""
        for obj in objects:
            await self.client.create(obj)

    async def wrote(self, path: Path) -> str:
        """What a pod has written into a file."""
        await eventually(path.exists, within_s=WITHIN_S, what=f"{path} is written")
        return path.read_text()

    async def state(self, name: str) -> ContainerState:
        """How the first container of a pod is."""
        pod = await self.client.get(Pod, name, "default")
        return pod.status.container_statuses[0].state if pod.status.container_statuses else ContainerState()

    async def waits(self, name: str, reason: str) -> str:
        """Wait until a container waits for that reason; the message."""

        async def check() -> str | None:
            waiting = (await self.state(name)).waiting
            return waiting.message if waiting is not None and waiting.reason == reason else None

        message = await eventually(check, within_s=WITHIN_S, what=f"{name} waits: {reason}")
        assert message is not None
        return message

    async def ended(self, name: str) -> int:
        """Wait until the first container has ended; its exit code."""

        async def check() -> ContainerState | None:
            state = await self.state(name)
            return state if state.terminated is not None else None

        state = await eventually(check, within_s=WITHIN_S, what=f"{name} ends")
        assert state is not None and state.terminated is not None
        return state.terminated.exit_code

    async def event(self, name: str, reason: str) -> str:
        """Wait for an event about a pod; its message."""

        async def check() -> str | None:
            events = (await self.client.list(Event, "default")).items
            told = (one for one in events if one.involved_object.name == name and one.reason == reason)
            return next((one.message for one in told), None)

        message = await eventually(check, within_s=WITHIN_S, what=f"{reason} is told of {name}")
        assert message is not None
        return message

    async def gone(self, name: str) -> None:
        """Delete a pod and wait until it is gone."""
        await self.client.delete(Pod, name, "default", grace_s=1)

        async def check() -> bool:
            try:
                await self.client.get(Pod, name, "default")
            except NotFound:
                return True
            return False

        await eventually(check, within_s=WITHIN_S, what=f"{name} is gone")


def shell(name: str, script: str, *, restart: str = "Never", **more: Any) -> Pod:
    """A pod of one shell script; `more` of the container, and of the pod's spec under `pod`."""
    spec = more.pop("pod", {})
    container = {"name": "c", "command": ["/bin/sh", "-c", script], **more}
    return Pod.model_validate(
        {
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"restartPolicy": restart, "containers": [container], **spec},
        }
    )

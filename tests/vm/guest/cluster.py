"""The cluster as any NATS client sees it: JSON requests, nothing of ours."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import nats
from nats.aio.client import Client

from tests.vm.guest.system import eventually, pids_of

SERVER = "nats://hub:4222"
ANSWER_WITHIN_S = 15.0
LOOK_WITHIN_S = 3.0
"""For what is asked again and again: a question that is lost with the server costs no more than this."""

Raw = dict[str, Any]


class Cluster:
    """Asks the API. Pods are in the namespace `default`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @classmethod
    async def connect(cls) -> Cluster:
        """Connects to the hub, however long its server needs."""

        async def unheard(problem: Exception) -> None:
            """What the server's restarts bring is no news."""

        return cls(await nats.connect(SERVER, max_reconnect_attempts=-1, connect_timeout=30, error_cb=unheard))

    async def close(self) -> None:
        """Ends the connection."""
        await self._client.close()

    async def ask(self, subject: str, body: Raw | None = None, within_s: float = ANSWER_WITHIN_S) -> Raw:
        """One request; a Status with code 503 when nobody answers.

        Raises:
            AssertionError: The API refused.
        """
        try:
            reply = await self._client.request(
                f"sp.api.{subject}", b"" if body is None else json.dumps(body).encode(), timeout=within_s
            )
        except nats.errors.Error as problem:
            raise AssertionError(f"{subject}: {problem!r}") from problem
        answer: Raw = json.loads(reply.data)
        assert answer.get("kind") != "Status" or answer.get("status") == "Success", f"{subject}: {answer}"
        return answer

    async def usage(self, node: str) -> dict[str, Raw]:
        """What the containers of a node use, by the names of their pods; asked of its agent."""
        request = self._client.request(f"sp.node.{node}.down.usage", msgpack.packb({}), timeout=ANSWER_WITHIN_S)
        return {each["pod"]: each for each in msgpack.unpackb((await request).data)["containers"]}

    async def node(self, name: str) -> Raw:
        """A node's conditions, by type."""
        node = await self.ask(f"get.core.nodes._.{name}", within_s=LOOK_WITHIN_S)
        return {condition["type"]: condition for condition in node["status"].get("conditions", ())}

    async def ready(self, node: str) -> bool:
        """Whether the node is Ready."""
        return bool((await self.node(node)).get("Ready", {}).get("status") == "True")

    async def run(self, name: str, script: str, **more: Any) -> Raw:
        """Creates a pod that runs a shell script, and waits until it runs; the pod."""
        await self.create(name, script, **more)
        return dict(await eventually(lambda: self.started(name), f"pod {name} has started"))

    async def create(
        self, name: str, script: str, *, limits: Raw | None = None, requests: Raw | None = None, **spec: Any
    ) -> None:
        """Creates a pod that runs a shell script."""
        resources = {"limits": limits or {}, "requests": requests or {}}
        container = {"name": "main", "command": ["/bin/sh", "-c", script], "resources": resources}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"terminationGracePeriodSeconds": 2, "containers": [container], **spec},
        }
        await self.ask("create.core.pods.default", pod)

    async def resize(self, name: str, amounts: Raw) -> None:
        """Asks for other requests and limits of a pod's only container."""
        pod = await self.pod(name)
        pod["spec"]["containers"][0]["resources"] = {"limits": amounts, "requests": amounts}
        await self.ask(f"update.core.pods/resize.default.{name}", pod)

    async def pod(self, name: str) -> Raw:
        """A pod."""
        return await self.ask(f"get.core.pods.default.{name}")

    async def started(self, name: str) -> Raw | None:
        """The pod, once its container runs or has run."""
        pod = await self.pod(name)
        return pod if pod["status"].get("phase") in ("Running", "Succeeded", "Failed") else None

    async def container(self, name: str) -> Raw:
        """The status of the pod's only container."""
        statuses = (await self.pod(name))["status"].get("containerStatuses", ())
        assert len(statuses) == 1, f"{name}: {len(statuses)} containers are told of"
        return dict(statuses[0])

    async def ended(self, name: str) -> Raw:
        """How the pod's container ended, waited for."""

        async def look() -> Raw | None:
            status = await self.container(name)
            return dict(status["state"].get("terminated", {}))

        return dict(await eventually(look, f"the container of {name} has ended"))

    async def delete(self, name: str) -> None:
        """Deletes a pod and waits until nothing of it lives."""
        uid = (await self.pod(name))["metadata"]["uid"]
        await self.ask(f"delete.core.pods.default.{name}")

        async def gone() -> bool:
            pods = await self.ask("list.core.pods.default")
            return all(pod["metadata"]["name"] != name for pod in pods["items"]) and not pids_of(uid)

        await eventually(gone, f"pod {name} is gone")

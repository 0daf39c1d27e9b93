"""The API on a real NATS server, with two replicas: raw requests as any NATS client sends them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from control_plane.api.server import ApiServer
from control_plane.store.mirror import Mirror
from control_plane.store.nats import open_store
from proto.bus.nats import NatsBus
from proto.bus.port import Message
from proto.clock import SystemClock
from proto.ids import RandomIds
from setpoint.local.nats_server import NatsOptions, NatsServer
from tests.api.cluster import deployment, pod
from tests.waiting import eventually


class Rig:
    """A server, replicas and a client."""

    def __init__(self, server: NatsServer, client: NatsBus, apis: list[ApiServer], mirrors: list[Mirror]):
        self.server = server
        self.client = client
        self.apis = apis
        self.mirrors = mirrors

    async def req(self, subject: str, body: Any = None, **headers: str) -> dict[str, Any]:
        data = b"" if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.client.request(f"sp.api.{subject}", data, timeout_s=5, headers=named)
        read: dict[str, Any] = json.loads(answer.data)
        return read

    @property
    def watches(self) -> int:
        return sum(len(api._watching._all()) for api in self.apis)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(NatsServer(NatsOptions(tmp_path / "nats", sync_always=False)))
        client = await NatsBus.connect(server.url, name="client")
        stack.push_async_callback(client.close)
        apis, mirrors = [], []
        for number in range(2):
            bus = await NatsBus.connect(server.url, name=f"cp{number}")
            stack.push_async_callback(bus.close)
            store = await open_store(bus, SystemClock())
            mirror = Mirror(store)
            task = asyncio.create_task(mirror.run())
            stack.push_async_callback(asyncio.wait, [task])
            stack.push_async_callback(store.close)
            await mirror.wait_synced()
            api = ApiServer(bus, store, mirror, SystemClock(), RandomIds())
            await api.start()
            stack.push_async_callback(api.stop)
            apis.append(api)
            mirrors.append(mirror)
        made = Rig(server, client, apis, mirrors)
        namespace = await made.req("create.core.namespaces", {"metadata": {"name": "default"}})
        for mirror in mirrors:
            await mirror.wait_for(int(namespace["metadata"]["resourceVersion"]), 5)
        yield made


async def test_a_life_of_a_deployment(rig: Rig) -> None:
    made = await rig.req("create.apps.deployments.default", deployment())
    revision = made["metadata"]["resourceVersion"]
    assert (await rig.req("get.apps.deployments.default.web", {"resourceVersion": revision})) == made
    scaled = await rig.req("patch.apps.deployments/scale.default.web", {"spec": {"replicas": 7}})
    assert scaled["spec"]["replicas"] == 7
    assert (await rig.req("update.apps.deployments.default.web", made))["reason"] == "Conflict"
    latest = {"resourceVersion": scaled["metadata"]["resourceVersion"]}
    listed = await rig.req("list.apps.deployments", latest, Accept="application/json;as=Table")
    assert listed["rows"][0]["cells"][:2] == ["web", "0/7"]
    gone = await rig.req("delete.apps.deployments.default.web", {"preconditions": {"uid": made["metadata"]["uid"]}})
    assert gone["status"] == "Success"


async def test_a_warning_comes_in_a_header_of_its_own(rig: Rig) -> None:
    body = json.dumps(pod(subdomain="web", dnsConfig={})).encode()
    answer = await rig.client.request("sp.api.create.core.pods.default", body, timeout_s=5)
    assert len(answer.headers["Sp-Warning"].split("\n")) == 2


async def test_a_watch_and_the_end_of_its_watcher(rig: Rig) -> None:
    arrived: list[Message] = []
    inbox = rig.client.inbox()
    subscription = await rig.client.subscribe(inbox, arrived.append)
    await rig.client.publish("sp.api.watch.core.pods.default", b'{"allowWatchBookmarks":true}', reply=inbox)
    await eventually(lambda: rig.watches == 1)
    await rig.req("create.core.pods.default", pod())
    await eventually(lambda: [json.loads(message.data)["type"] for message in arrived][:2] == ["ADDED", "BOOKMARK"])
    await subscription.unsubscribe()
    await eventually(lambda: rig.watches == 0, what="the next bookmark finds nobody")


async def test_the_server_restarts_and_nothing_is_lost(rig: Rig) -> None:
    made = await rig.req("create.core.configmaps.default", {"metadata": {"name": "c"}, "data": {"k": "v"}})
    await rig.server.kill()
    await rig.server.start()

    async def answered() -> bool:
        found = await rig.req("get.core.configmaps.default.c")
        return found == made

    async def again() -> bool:
        try:
            return await answered()
        except Exception:
            return False

    await eventually(again)
    patched = await rig.req("patch.core.configmaps.default.c", {"data": {"k": "w"}})
    assert patched["data"] == {"k": "w"}


async def test_only_one_of_many_conditional_updates_wins(rig: Rig) -> None:
    made = await rig.req("create.core.configmaps.default", {"metadata": {"name": "c"}})
    for mirror in rig.mirrors:
        await mirror.wait_for(int(made["metadata"]["resourceVersion"]), 5)
    bodies = [{**made, "data": {"winner": str(number)}} for number in range(20)]
    answers = await asyncio.gather(*(rig.req("update.core.configmaps.default.c", body) for body in bodies))
    assert sorted(answer.get("code", 200) for answer in answers) == [200] + [409] * 19


async def test_no_unconditional_patch_is_lost_between_replicas(rig: Rig) -> None:
    made = await rig.req("create.core.configmaps.default", {"metadata": {"name": "c"}})
    for mirror in rig.mirrors:
        await mirror.wait_for(int(made["metadata"]["resourceVersion"]), 5)
    patches = [rig.req("patch.core.configmaps.default.c", {"data": {f"k{number}": "x"}}) for number in range(16)]
    answers = await asyncio.gather(*patches)
    newest = max(int(answer["metadata"]["resourceVersion"]) for answer in answers)
    found = await rig.req("get.core.configmaps.default.c", {"resourceVersion": str(newest)})
    assert set(found["data"]) == {f"k{number}" for number in range(16)}

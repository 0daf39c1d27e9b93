"""Logs over the bus: a machine with fake processes whose log files the test writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from proto import codec
from proto.errors import ApiError, BadRequest, NotFound
from proto.log_chunks import LogChunk, unpack_log_chunk
from proto.node import LogRequest
from proto.objects.meta import evolve
from proto.streams import open_stream
from proto.subjects import node_down
from tests.agent.cluster import NODE, Cluster
from tests.agent.pods import fake, pod
from tests.waiting import eventually


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """In real time: it reads real files. The pods' directories lie below `tmp_path`."""
    cluster = Cluster()
    cluster.storage.root = tmp_path
    async with cluster:
        await cluster.start_agent()
        yield cluster


def write(cluster: Cluster, container: str, attempt: int, *texts: str) -> None:
    path = cluster.storage.log_path("u-web", container, attempt)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.writelines(f"2026-01-01T00:00:00.000000000Z stdout F {text}\n" for text in texts)


async def read(cluster: Cluster, **request: Any) -> str:
    asked = LogRequest.model_validate({"namespace": "default", "pod": "web", **request})
    chunks = [chunk async for chunk in open_stream(cluster.hub.bus, node_down(NODE, "logs"), codec.pack(asked))]
    return b"".join(chunks).decode()


async def marked(cluster: Cluster, **request: Any) -> list[LogChunk]:
    asked = LogRequest.model_validate({"namespace": "default", "pod": "web", "marks": True, **request})
    chunks = open_stream(cluster.hub.bus, node_down(NODE, "logs"), codec.pack(asked))
    return [unpack_log_chunk(chunk) async for chunk in chunks]


async def test_what_a_container_printed(cluster: Cluster) -> None:
    await cluster.hub.assign(pod("web", {"name": "a", "command": ["x"]}, {"name": "b", "command": ["x"]}))
    await cluster.hub.running("u-web", container=1)
    write(cluster, "a", 0, "hello", "world")
    write(cluster, "b", 0, "other")
    assert await read(cluster) == "hello\nworld\n"
    assert await read(cluster, container="b") == "other\n"
    assert await read(cluster, tail=1) == "world\n"
    assert await read(cluster, timestamps=True, tail=1) == "2026-01-01T00:00:00.000000000Z world\n"
    assert await read(cluster, since_s=10.0**9) == "hello\nworld\n"


async def test_the_container_that_a_pod_means_by_default(cluster: Cluster) -> None:
    web = pod("web", {"name": "a", "command": ["x"]}, {"name": "b", "command": ["x"]})
    annotations = {"kubectl.kubernetes.io/default-container": "b"}
    await cluster.hub.assign(evolve(web, **{"metadata.annotations": annotations}))
    await cluster.hub.running("u-web", container=1)
    write(cluster, "b", 0, "other")
    assert await read(cluster) == "other\n"


async def test_a_follower_reads_until_the_container_ends(cluster: Cluster) -> None:
    await cluster.hub.assign(pod("web", restartPolicy="Never"))
    await cluster.hub.running("u-web")
    write(cluster, "app", 0, "first")
    reading = asyncio.create_task(read(cluster, follow=True))
    await asyncio.sleep(0.05)
    write(cluster, "app", 0, "second")
    await cluster.runtime.signal("u-web.app.0", 9)
    assert await asyncio.wait_for(reading, 5) == "first\nsecond\n"


async def test_the_life_before(cluster: Cluster) -> None:
    await cluster.hub.assign(pod("web", fake("--exit-after", "0.1")))
    await eventually(lambda: cluster.hub.status("u-web").container_statuses[0].restart_count == 1)
    write(cluster, "app", 0, "before")
    write(cluster, "app", 1, "now")
    assert await read(cluster, previous=True) == "before\n"
    assert await read(cluster) == "now\n"


@pytest.mark.parametrize(
    ("request_", "kind", "message"),
    [
        ({"pod": "none"}, NotFound, 'pods "none" not found on node node-1'),
        ({"container": "none"}, BadRequest, "container none is not valid for pod web; it has: app"),
        ({"previous": True}, BadRequest, 'previous terminated container "app" in pod "web" not found'),
    ],
    ids=["pod", "container", "previous"],
)
async def test_what_cannot_be_had(
    cluster: Cluster, request_: dict[str, Any], kind: type[ApiError], message: str
) -> None:
    await cluster.hub.assign(pod())
    await cluster.hub.running("u-web")
    with pytest.raises(kind) as refusal:
        await read(cluster, **request_)
    assert refusal.value.message == message


async def test_a_container_that_waits_says_why(cluster: Cluster) -> None:
    await cluster.hub.assign(pod("web", {"image": "nginx"}))
    await eventually(lambda: "u-web" in cluster.hub.reports)
    with pytest.raises(BadRequest, match="is waiting to start: cannot run image"):
        await read(cluster)


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (b"nonsense", "not a whole msgpack value"),
        (b"{not json", "Invalid JSON"),
        (b'{"namespace": "default"}', "pod: Field required"),
        (b'{"namespace": "default", "pod": "web", "tail": -2}', "tail: Input should be greater than .* found -2"),
        (b'{"namespace": "default", "pod": "web", "tial": 1}', 'unknown field "tial", did you mean "tail"'),
        (b'{"namespace": "default", "pod": "web", "sinceS": "x"}', "sinceS: Input should be a valid number.* 'x'"),
    ],
    ids=["nonsense", "no JSON", "no pod", "tail", "misspelt", "since"],
)  # fmt: skip
async def test_a_request_that_cannot_be_read(cluster: Cluster, request_: bytes, problem: str) -> None:
    with pytest.raises(BadRequest, match=f"the log request cannot be read: {problem}"):
        async for _ in open_stream(cluster.hub.bus, node_down(NODE, "logs"), request_):
            pass


async def test_a_reader_goes_on_behind_its_mark(cluster: Cluster) -> None:
    await cluster.hub.assign(pod())
    await cluster.hub.running("u-web")
    write(cluster, "app", 0, "first", "second")
    chunks = await marked(cluster)
    assert b"".join(bytes(chunk.text) for chunk in chunks) == b"first\nsecond\n"
    write(cluster, "app", 0, "third")
    assert [bytes(chunk.text) for chunk in await marked(cluster, after=chunks[-1].mark)] == [b"", b"third\n"]
    with pytest.raises(BadRequest, match='that life of container "app" in pod "web" has been removed'):
        await marked(cluster, after={**chunks[-1].mark, "life": "u-web.app.7"})


async def test_a_limit_of_bytes(cluster: Cluster) -> None:
    await cluster.hub.assign(pod())
    await cluster.hub.running("u-web")
    write(cluster, "app", 0, "hello", "world")
    for limit, expected in ((1, "h"), (7, "hello\nw"), (12, "hello\nworld\n"), (100, "hello\nworld\n")):
        assert await read(cluster, limit_bytes=limit) == expected

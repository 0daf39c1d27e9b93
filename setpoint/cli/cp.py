"""`setpoint cp`: copies files and folders into a container, or out of it.

Both ends run `proto.copying`: one here, one in the container, joined by a conversation. Reads and writes: local files.
Never: leaves half of a file under its final name, whoever is killed.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import NamedTuple

from proto import copying, subjects
from proto.bus.port import Bus, BusError
from proto.duplex import converse
from proto.frames import CONTENT_BYTES_MAX, ENDED, STDERR, STDIN, STDOUT, frame
from proto.streams import StreamBroken
from setpoint.cli.errors import CliError
from setpoint.cli.session import add_cluster_arguments, connect
from setpoint.cli.talking.asking import packed
from setpoint.cli.talking.pods import container_of, node_of, pod_of
from setpoint.cli.talking.standard import said_how_it_ended


class Place(NamedTuple):
    """A path, in a pod unless `pod` is ""."""

    namespace: str
    pod: str
    path: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    parser.add_argument("source", help="a path, or [NAMESPACE/]POD:PATH")
    parser.add_argument("target", help="a path, or [NAMESPACE/]POD:PATH")
    parser.add_argument("-c", "--container", default="", help="the container (default: the first)")


async def run(options: argparse.Namespace) -> int:
    """Copy."""
    source, target = place(options.source, options.namespace), place(options.target, options.namespace)
    if bool(source.pod) == bool(target.pod):
        raise CliError("one of the two must be in a pod: setpoint cp FILE POD:PATH, or setpoint cp POD:PATH FILE")
    there = source if source.pod else target
    if not source.pod and not Path(source.path).exists():
        raise CliError(f"{source.path}: no such file or directory")
    async with connect(options) as client:
        pod = await pod_of(client, [there.pod], there.namespace)
        request = {
            "namespace": there.namespace, "pod": pod["metadata"]["name"], "path": there.path,
            "container": container_of(pod, options.container), "receive": not source.pod,
        }  # fmt: skip
        node = node_of(pod)
        subject = subjects.node_down(node, "copy")
        try:
            work = (
                _download(client.bus, subject, request, target.path)
                if source.pod
                else _upload(client.bus, subject, request, source.path)
            )
            return await work
        except BusError:
            raise CliError(f"the agent of node {node} does not answer, so nothing can be copied now") from None
        except StreamBroken as error:
            raise CliError(f"the copy broke off: {error}") from None


def place(word: str, namespace: str) -> Place:
    """Read `PATH` or `[NAMESPACE/]POD:PATH`. A path with a colon in it is written with a slash before: `./a:b`.

    Raises:
        CliError: the path is missing.
    """
    pod, colon, path = word.partition(":")
    if not colon or word.startswith(("/", "./", "../")):
        return Place("", "", word)
    if not pod or not path:
        raise CliError(f'"{word}" is not of the form [NAMESPACE/]POD:PATH')
    left, slash, right = pod.partition("/")
    return Place(left, right, path) if slash else Place(namespace, pod, path)


async def _upload(bus: Bus, subject: str, request: dict[str, object], path: str) -> int:
    local = await _local("send", path, stdout=subprocess.PIPE)
    try:
        status = await _answer(converse(bus, subject, packed(request), _words(local)), None)
        return status or await local.wait()
    finally:
        await _end(local)


async def _download(bus: Bus, subject: str, request: dict[str, object], path: str) -> int:
    local = await _local("receive", path, stdin=subprocess.PIPE)
    assert local.stdin is not None
    try:
        status = await _answer(converse(bus, subject, packed(request), _nothing()), local.stdin)
        local.stdin.close()
        return status or await local.wait()
    finally:
        await _end(local)


async def _local(direction: str, path: str, **pipes: int) -> asyncio.subprocess.Process:
    """Our end of the copy."""
    words = (sys.executable, "-I", "-S", copying.__file__, direction, path)
    return await asyncio.create_subprocess_exec(*words, limit=2 * CONTENT_BYTES_MAX, **pipes)  # type: ignore[arg-type]


async def _end(local: asyncio.subprocess.Process) -> None:
    """See that our end is gone; it clears away what it had begun, and may first have to get rid of what it says."""
    if local.returncode is None:
        with suppress(ProcessLookupError):
            local.terminate()
    while local.stdout is not None and await local.stdout.read(CONTENT_BYTES_MAX):
        continue
    await local.wait()


async def _words(local: asyncio.subprocess.Process) -> AsyncGenerator[bytes, None]:
    """What our end sends. When it fails, the other end hears no last word, and drops what it has."""
    assert local.stdout is not None
    while data := await local.stdout.read(CONTENT_BYTES_MAX):
        yield frame(STDIN, data)


async def _nothing() -> AsyncGenerator[bytes, None]:
    """We only listen."""
    return
    yield b""


async def _answer(answer: AsyncGenerator[bytes, None], sink: asyncio.StreamWriter | None) -> int:
    """Hand on what the other end sends; how it ended."""
    async with aclosing(answer) as chunks:
        async for chunk in chunks:
            if chunk[0] == STDOUT and sink is not None:
                with suppress(ConnectionError):  # Our end says itself why it has ended.
                    sink.write(chunk[1:])
                    await sink.drain()
            elif chunk[0] == STDERR:
                sys.stderr.buffer.write(chunk[1:])
                sys.stderr.flush()
            elif chunk[0] == ENDED:
                return said_how_it_ended(chunk)
    raise StreamBroken("it ended without telling how")

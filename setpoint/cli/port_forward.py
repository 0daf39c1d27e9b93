"""`setpoint port-forward`: local ports whose connections end at a program in a pod.

Every connection is a conversation of its own over the bus; each side may end its direction and go on listening.

Reads and writes: local connections. Never: keeps more than a window of each; whoever is slow slows the other side.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import NamedTuple

from proto import subjects
from proto.bus.port import Bus, BusError
from proto.duplex import converse
from proto.errors import ApiError
from proto.phases import ENDED
from proto.resetting import reset
from proto.streams import CHUNK_BYTES_MAX, StreamBroken
from setpoint.cli.errors import CliError
from setpoint.cli.session import add_cluster_arguments, connect
from setpoint.cli.talking.asking import packed
from setpoint.cli.talking.beginning import add_timeout_argument, running
from setpoint.cli.talking.pods import Item, node_of, pod_of

LOCALHOST = ("127.0.0.1", "::1")


class Forwarding(NamedTuple):
    """A local port (0: a free one) and the pod's port that it leads to."""

    local: int
    remote: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    parser.add_argument("pod", metavar="POD", help="a pod, or KIND/NAME for one of a controller's pods")
    parser.add_argument(
        "port", nargs="+", metavar="[LOCAL:]REMOTE", help="8080, 9000:8080, :8080 (any free one), or by name"
    )
    parser.add_argument(
        "--address", default="localhost", metavar="ADDRESSES", help="where to listen (default: localhost)"
    )
    add_timeout_argument(parser)


async def run(options: argparse.Namespace) -> int:
    """Forward until interrupted."""
    async with connect(options) as client, AsyncExitStack() as servers:
        pod = await pod_of(client, [options.pod], options.namespace, options.pod_running_timeout)
        pod = await running(client, pod, options.pod_running_timeout)
        if pod["status"]["phase"] in ENDED:
            phase = pod["status"]["phase"]
            raise CliError(f"unable to forward port because pod is not running. Current status={phase}")
        forwardings = [forwarding(word, pod) for word in options.port]
        node = node_of(pod)
        for each in forwardings:
            forwarder = Forwarder(client.bus, pod, node, each.remote)
            for server in await _listen(options.address, each.local, forwarder):
                await servers.enter_async_context(server)
                host, port = server.sockets[0].getsockname()[:2]
                print(f"Forwarding from {_shown(host)}:{port} -> {each.remote}", flush=True)
        await asyncio.Event().wait()
    return 0


def forwarding(word: str, pod: Item) -> Forwarding:
    """Read `REMOTE`, `LOCAL:REMOTE` or `:REMOTE`.

    Raises:
        CliError: it is none of these, or the pod has no port of that name, or not one of TCP.
    """
    local, colon, remote = word.rpartition(":")
    if not re.fullmatch(r"[0-9]*", local) or not re.fullmatch(r"[0-9a-zA-Z][-0-9a-zA-Z]*", remote):
        raise CliError(_malformed(word))
    number = _number(remote, word) if remote.isdigit() else _named(remote, pod)
    if number == 0:
        raise CliError(_malformed(word))
    if not colon:
        return Forwarding(number, number)
    return Forwarding(_number(local, word) if local else 0, number)


def _number(text: str, word: str) -> int:
    if int(text) >= 65536:
        raise CliError(_malformed(word))
    return int(text)


def _malformed(word: str) -> str:
    return f'"{word}" is not of the form [LOCAL:]REMOTE with ports of TCP from 1 to 65535'


def _named(name: str, pod: Item) -> int:
    """The number of a named port: as in force, which the status tells, or as declared."""
    declared = [port for container in pod["spec"].get("containers", ()) for port in container.get("ports", ())]
    told = [port for each in pod.get("status", {}).get("containerStatuses", ()) for port in each.get("ports", ())]
    if any(port.get("name") == name and port.get("protocol", "TCP") != "TCP" for port in declared):
        raise CliError(
            f"only TCP is forwarded, and port {name} of pod {pod['metadata']['name']} is of another protocol"
        )
    for port in (*told, *declared):
        if port.get("name") == name and port.get("containerPort"):
            return int(port["containerPort"])
    raise CliError(f'pod {pod["metadata"]["name"]} has no port named "{name}"')


async def _listen(addresses: str, port: int, forwarder: Forwarder) -> list[asyncio.Server]:
    """A server for each address. `localhost` is both loopbacks, or the one there is.

    Raises:
        CliError: the port cannot be had.
    """
    hosts = [host for each in addresses.split(",") for host in (LOCALHOST if each == "localhost" else (each,))]
    if "" in hosts:
        raise CliError(f'--address: must be addresses with commas between them, found "{addresses}"')
    servers: list[asyncio.Server] = []
    for host in dict.fromkeys(hosts):
        try:
            server = await asyncio.start_server(forwarder.serve, host, port, limit=2 * CHUNK_BYTES_MAX)
        except OSError as problem:
            if host == LOCALHOST[1] and LOCALHOST[0] in hosts:
                continue
            why = problem.strerror if isinstance(problem, socket.gaierror) else os.strerror(problem.errno or 0)
            raise CliError(f"cannot listen on {_shown(host)}:{port}: {why}") from None
        servers.append(server)
        port = port or server.sockets[0].getsockname()[1]
    return servers


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class Forwarder:
    """Takes local connections to one port of one pod."""

    def __init__(self, bus: Bus, pod: Item, node: str, port: int) -> None:
        self._bus = bus
        self._subject = subjects.node_down(node, "portforward")
        self._name = pod["metadata"]["name"]
        self._port = port
        request = {"namespace": pod["metadata"]["namespace"], "pod": self._name, "port": port}
        self._request = packed(request)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        try:
            answer = converse(self._bus, self._subject, self._request, _said(reader), outlast=True)
            async with aclosing(answer) as chunks:
                async for chunk in chunks:
                    if chunk:
                        writer.write(chunk)
                        await writer.drain()
                    else:
                        writer.write_eof()
        except (ApiError, BusError, StreamBroken) as error:
            print(f"error forwarding port {self._port} to pod {self._name}: {error}", file=sys.stderr, flush=True)
            reset(writer)
        except OSError:
            reset(writer)  # Who connected has gone.
        finally:
            writer.close()


async def _said(reader: asyncio.StreamReader) -> AsyncGenerator[bytes, None]:
    """What the local side says, until it ends its direction.

    Raises:
        ConnectionResetError: it has gone.
    """
    while data := await reader.read(CHUNK_BYTES_MAX):
        yield data

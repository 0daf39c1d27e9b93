"""Serves `down.exec` and `down.copy`: a command in a container, with a client who talks with it.

A copy is such a command too (see `copies`), so it may do what the container's own program may.

The command has the variables, the working directory and the limits of the container's own program.

Reads: the request. Writes: the runtime, through `Operations`. Never: a container's own life.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from node_agent.background import Background
from node_agent.containers.operations import DEFAULT_TERM, Operations
from node_agent.plan.surroundings import Surroundings
from node_agent.pods.pods import Pods
from node_agent.runtime.port import RuntimeFailure
from node_agent.storage.port import StorageFailure
from node_agent.streams.conversation import conversation
from node_agent.streams.copies import read_copy_request
from node_agent.streams.ends import Ends
from node_agent.streams.finding import Finder
from node_agent.streams.requests import request_of
from proto import subjects
from proto.bus.port import Bus, Message
from proto.duplex import answered
from proto.errors import BadRequest, Unavailable
from proto.node import ExecRequest
from proto.streams import serve_stream


class ExecServer:
    """Answers requests to run commands in this node's containers."""

    def __init__(
        self, bus: Bus, background: Background, node: str, pods: Pods, operations: Operations, finder: Finder
    ) -> None:
        self._bus = bus
        self._background = background
        self._node = node
        self._pods = pods
        self._operations = operations
        self._finder = finder

    async def subscribe(self) -> None:
        """Begin to answer."""
        await self._bus.subscribe(subjects.node_down(self._node, "exec"), partial(self._on_message, read_request))
        await self._bus.subscribe(subjects.node_down(self._node, "copy"), partial(self._on_message, read_copy_request))

    def _on_message(self, read: Callable[[Message], ExecRequest], message: Message) -> None:
        self._background.spawn(serve_stream(self._bus, message, self._frames(read, message)), "exec")

    async def _frames(self, read: Callable[[Message], ExecRequest], message: Message) -> AsyncGenerator[bytes, None]:
        """The frames that answer a request.

        Raises:
            ApiError: it cannot be done; the message says why.
        """
        request = read(message)
        work = self._finder.pod(request.namespace, request.pod)
        container = self._finder.container(work, request.container)
        state = self._finder.running(work, container)
        given = _with_terminal(self._pods.surroundings(work, container), request)
        words = answered(self._bus, message)
        ends = _ends(request)
        try:
            command = self._operations.converse(work.uid, state.id, tuple(request.command), given, ends.files)
            async with aclosing(conversation(ends, words, command)) as frames:
                async for each in frames:
                    yield each
        except (RuntimeFailure, StorageFailure) as problem:
            raise Unavailable(str(problem)) from None


def read_request(message: Message) -> ExecRequest:
    """What a client asks for.

    Raises:
        BadRequest: it cannot be read, or lacks a command.
    """
    request = request_of(message.data, ExecRequest, "exec")
    if not request.command or not request.command[0]:
        raise BadRequest("you must specify at least one command for the container")
    if any("\0" in word for word in request.command):
        raise BadRequest("the command contains a NUL character")
    return request


def _with_terminal(given: Surroundings, request: ExecRequest) -> Surroundings:
    """Those of the container's program, with the terminal that there may be."""
    if request.terminal is None:
        return given
    return replace(given, env={"TERM": request.term or DEFAULT_TERM, **given.env})


def _ends(request: ExecRequest) -> Ends:
    """What the command reads and writes.

    Raises:
        Unavailable: the machine is out of descriptors or terminals.
    """
    try:
        if request.terminal is None:
            return Ends.of_pipes(stdin=request.stdin)
        return Ends.of_terminal(request.terminal, stdin=request.stdin)
    except OSError as problem:
        raise Unavailable(f"this node cannot open what the command would read and write: {problem.strerror}") from None

"""Serves `down.attach`: one client's line to a container's own program.

Any number of clients may be attached at a time; each has credit of its own, and the runtime leaves out what is too much
for it. A client that goes takes nothing with it but a stdin that ends once.

Reads: the request, what the program prints. Writes: what the program reads. Never: a container's life.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from node_agent.background import Background
from node_agent.containers.operations import Operations
from node_agent.runtime.abilities import Attachment, Missed, Printed
from node_agent.runtime.port import ContainerState, NoSuchContainer, RuntimeFailure, StdinNotOpen
from node_agent.streams.finding import Finder
from node_agent.streams.requests import request_of
from proto import subjects
from proto.bus.port import Bus, Message
from proto.duplex import BROKEN, answered, unheard
from proto.errors import ApiError, BadRequest, NotFound, Unavailable
from proto.frames import RESIZED, STDERR, STDIN, STDOUT, ended, frame, missed, new_size
from proto.node_programs import AttachRequest
from proto.streams import serve_stream

UNKNOWN_CODE = 255
"""What a client exits with when nobody knows how the program ended."""


class AttachServer:
    """Answers requests for lines to this node's programs."""

    def __init__(self, bus: Bus, background: Background, node: str, operations: Operations, finder: Finder) -> None:
        self._bus = bus
        self._background = background
        self._node = node
        self._operations = operations
        self._finder = finder

    async def subscribe(self) -> None:
        """Begin to answer."""
        await self._bus.subscribe(subjects.node_down(self._node, "attach"), self._on_message)

    def _on_message(self, message: Message) -> None:
        self._background.spawn(serve_stream(self._bus, message, self._frames(message)), "attach")

    async def _frames(self, message: Message) -> AsyncGenerator[bytes, None]:
        """The frames for a client, the last of which tells how the program ended.

        Raises:
            ApiError: there is no line, or it broke.
        """
        request = request_of(message.data, AttachRequest, "attach")
        words = answered(self._bus, message)
        line = await self._line(request)
        try:
            if request.terminal is not None:
                await line.resize(request.terminal.columns, request.terminal.rows)
            listening = self._background.spawn(_listen(words, line), "attach words")
            try:
                async for heard in line.heard():
                    yield _frame(heard)
            except RuntimeFailure as problem:
                raise (listening.done() and listening.result()) or Unavailable(str(problem)) from None
            finally:
                listening.cancel()
        finally:
            await line.close()

    async def _line(self, request: AttachRequest) -> Attachment:
        """The line to the program that a client names.

        Raises:
            ApiError: there is none.
        """
        work = self._finder.pod(request.namespace, request.pod)
        container = self._finder.container(work, request.container)
        state = self._finder.running(work, container)
        where = f'container "{container.name}" in pod "{request.pod}"'
        if request.stdin and not container.stdin:
            raise BadRequest(f"unable to use stdin: {where} was started without `stdin: true`")
        try:
            return await self._operations.attach(state.id, stdin=request.stdin)
        except StdinNotOpen:
            raise BadRequest(
                f"unable to use stdin: that of {where} has ended with the first client (`stdinOnce`)"
            ) from None
        except NoSuchContainer:
            raise NotFound(f"{where} has ended") from None
        except RuntimeFailure as problem:
            raise Unavailable(str(problem)) from None


def _frame(heard: Printed | Missed | ContainerState) -> bytes:
    if isinstance(heard, Printed):
        return frame(STDERR if heard.stream == "stderr" else STDOUT, heard.data)
    if isinstance(heard, Missed):
        return missed(heard.count_bytes)
    if heard.exit_code is None:
        return ended(UNKNOWN_CODE, f"nobody knows how the program ended ({heard.reason})")
    return ended(heard.exit_code)


async def _listen(words: AsyncGenerator[bytes, None], line: Attachment) -> ApiError | None:
    """Do what the client's frames say. One that cannot be heard any more loses its line; why, if it may still hear."""
    try:
        async with aclosing(words) as chunks:
            async for chunk in chunks:
                if chunk[0] == STDIN:
                    await line.write(chunk[1:])
                elif chunk[0] == RESIZED:
                    await line.resize(*new_size(chunk[1:]))
        await line.end_input()
    except BROKEN as problem:
        await line.close()
        return unheard(problem)
    except ApiError as problem:
        await line.close()
        return problem
    except ValueError as problem:
        await line.close()
        return BadRequest(f"a frame of this client cannot be read: {problem}")
    return None

"""The agent's side of the supervisor's socket, and how a supervisor comes to be.

`ensure_supervisor` connects to the one that runs, or starts one: detached, in a session of its own and not
our child, so that it outlives us; under systemd in a scope of its own, so that it outlives our unit too. A
connection that is lost is never repaired in place: `lost` is set, every call that waits fails with
`SupervisorGone`, and the owner asks for a new one. All operations are idempotent, so it may simply repeat. A
supervisor that hangs, or was stopped by a signal, is not gone: calls fail with `SupervisorSilent` in time.

*Never*: this module is for the agent only; the supervisor itself imports no asyncio.
"""

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from node_agent.supervisor.address import dial
from node_agent.supervisor.scope import scope_command
from node_agent.supervisor.wire import EXIT_HELD, PROTOCOL

logger = logging.getLogger(__name__)

ANSWERED_WITHIN_S = 10.0
"""How long a call may take that does not wait for a workload to end."""

_CALL_AGAIN_S = 0.02
_LEAVING_PAUSES_S = (0.0, 0.2, 0.5)
_STARTED_WITHIN_S = 30.0
_INHERITED = ("PATH", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
_READ_LIMIT_BYTES = 64 * 1024 * 1024
_OUTPUT_BYTES_MAX = 1024 * 1024
SOURCE_ROOT = Path(__file__).resolve().parents[2]


class SupervisorGone(ConnectionError):
    """The supervisor died, or is out of reach; the outcome of a call in flight is unknown."""


class SupervisorSilent(SupervisorGone):
    """The supervisor is there and does not answer; repeating at once will not help."""


class SupervisorRefused(Exception):
    """The supervisor answered with an error; `kind` is one of the words in `wire`."""

    def __init__(self, kind: str, errno: int | None, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.errno = errno


@dataclass(frozen=True, slots=True)
class SupervisorPlace:
    """Where a node's supervisor lives. `use_cgroups=False` is for hosts, or tests, that go without."""

    state_dir: Path
    node_name: str = "node"
    use_cgroups: bool = True

    @property
    def socket_path(self) -> Path:
        """Its socket."""
        return self.state_dir / "supervisor.sock"


class SupervisorClient:
    """One connection. `on_container` is called with every change after `list(watch=True)`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.lost = asyncio.Event()
        self.on_container: Callable[[dict[str, Any]], object] = lambda container: None
        self._reader = reader
        self._writer = writer
        self._next_id = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reading = asyncio.create_task(self._read(), name="supervisor-client")

    @classmethod
    async def connect(cls, socket_path: Path) -> "SupervisorClient":
        """Connects to a running supervisor.

        Raises:
            SupervisorGone: None listens there.
        """
        return cls(*await open_line(socket_path, _READ_LIMIT_BYTES))

    async def call(self, operation: str, *, within_s: float = ANSWERED_WITHIN_S, **parameters: Any) -> dict[str, Any]:
        """Sends a request and waits for its answer.

        Raises:
            SupervisorRefused: It answered with an error.
            SupervisorSilent: No answer came within `within_s`.
            SupervisorGone: The connection was lost before an answer came.
        """
        if self.lost.is_set():
            raise SupervisorGone("the connection to the supervisor is lost")
        self._next_id += 1
        request_id = self._next_id
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = answer
        try:
            line = json.dumps({"id": request_id, "op": operation, **parameters}, separators=(",", ":"))
            self._writer.write(line.encode() + b"\n")
            async with asyncio.timeout(within_s):
                return await answer
        except TimeoutError:
            raise SupervisorSilent(f"the supervisor has not answered {operation} within {within_s:.0f} s") from None
        finally:
            self._waiting.pop(request_id, None)

    def tell(self, operation: str, **parameters: Any) -> None:
        """Sends what is not answered; lost with the connection."""
        if not self.lost.is_set():
            self._writer.write(json.dumps({"op": operation, **parameters}, separators=(",", ":")).encode() + b"\n")

    async def close(self) -> None:
        """Ends the connection; the supervisor goes on."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self._writer.close()  # Reading that was cancelled before it began has not done it.
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                self._dispatch(json.loads(line))
        except (OSError, ValueError):
            pass  # A broken connection and a broken line mean the same: begin anew.
        finally:
            self.lost.set()
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(SupervisorGone("the supervisor went away"))
            self._writer.close()

    def _dispatch(self, message: dict[str, Any]) -> None:
        if message.get("event") == "container":
            self.on_container(message["container"])
            return
        answer = self._waiting.get(message.get("id") or 0)
        if answer is None or answer.done():
            return
        if (error := message.get("error")) is not None:
            answer.set_exception(SupervisorRefused(error["kind"], error.get("errno"), error["message"]))
        else:
            answer.set_result(message["ok"])


async def open_line(socket_path: Path, limit_bytes: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to a running supervisor, which buffers so much. One with too many callers at a time is waited for.

    Raises:
        SupervisorSilent: It takes no more connections, as when it was stopped.
        SupervisorGone: None listens there.
    """
    try:
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            while True:
                with contextlib.suppress(BlockingIOError):
                    connection = dial(str(socket_path))
                    break
                await asyncio.sleep(_CALL_AGAIN_S)
    except TimeoutError:
        raise SupervisorSilent(f"the supervisor has taken no connection within {ANSWERED_WITHIN_S:.0f} s") from None
    except OSError as problem:
        raise SupervisorGone(f"no supervisor at {socket_path}: {problem.strerror}") from None
    return await asyncio.open_unix_connection(sock=connection, limit=limit_bytes)


async def ensure_supervisor(place: SupervisorPlace) -> SupervisorClient:
    """Connects to the node's supervisor, starting one if none answers.

    One that speaks another protocol is asked to leave and replaced; its workloads go on and are adopted.

    Raises:
        SupervisorGone: None could be started; the message says why.
    """
    client, protocol = await _summon(place)
    if protocol == PROTOCOL:
        return client
    await client.call("shutdown")
    await client.lost.wait()
    await client.close()
    client, _ = await _summon(place)
    return client


async def _summon(place: SupervisorPlace) -> tuple[SupervisorClient, int]:
    """Greets the supervisor, starting one if none answers. One that is leaving holds its place a moment longer."""
    for pause_s in _LEAVING_PAUSES_S:
        try:
            return await _greet(place)
        except SupervisorSilent:
            raise
        except SupervisorGone:
            await _spawn(place)
        await asyncio.sleep(pause_s)
    return await _greet(place)


async def _greet(place: SupervisorPlace) -> tuple[SupervisorClient, int]:
    """Connects, and hears which protocol is spoken. One that is just dying may still accept, and not answer."""
    client = await SupervisorClient.connect(place.socket_path)
    try:
        return client, int((await client.call("hello"))["protocol"])
    except BaseException:
        await client.close()
        raise


async def _spawn(place: SupervisorPlace) -> None:
    """Starts a supervisor; returns when it listens, or when another one turns out to be there.

    Where systemd is asked for a scope and refuses, it starts without one, and says itself which limits it cannot keep.

    Raises:
        SupervisorGone: It does not start.
    """
    try:
        place.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        raise SupervisorGone(f"the supervisor cannot be started: {problem}") from problem
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    scope = scope_command(place.node_name, environment) if place.use_cgroups else []
    environment = {"PATH": os.defpath, **environment, "PYTHONPATH": str(SOURCE_ROOT)}
    try:
        await _run([*scope, *_command(place)], environment, place.state_dir / "supervisor.log")
    except SupervisorGone as problem:
        if not scope:
            raise
        logger.warning("no scope for the supervisor, starting it without reason=%s", problem)
        await _run(_command(place), environment, place.state_dir / "supervisor.log")


async def _run(command: list[str], environment: dict[str, str], output_path: Path) -> None:
    """Runs a command that leaves a supervisor behind. What it prints is kept, begun anew when that has grown."""
    with _open_output(output_path) as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(_STARTED_WITHIN_S):
                status = await process.wait()
        except TimeoutError:
            process.kill()
            raise SupervisorGone(f"the supervisor did not start within {_STARTED_WITHIN_S:.0f} s") from None
    if status not in (0, EXIT_HELD):
        last_words = _last_words(output_path)
        raise SupervisorGone(f"the supervisor does not start (exit status {status}): {last_words}")


def _last_words(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip().rpartition("\n")[2]
    except OSError:
        return "what it said could not be kept"


def _open_output(path: Path) -> BinaryIO:
    """Where the command's words go; nowhere if the disk does not take them."""
    try:
        grown = path.exists() and path.stat().st_size > _OUTPUT_BYTES_MAX
        return path.open("wb" if grown else "ab")
    except OSError as problem:
        logger.warning("what the supervisor says is not kept reason=%s", problem)
        return Path(os.devnull).open("ab")


def _command(place: SupervisorPlace) -> list[str]:
    command = [sys.executable, "-S", "-m", "node_agent.supervisor", "--daemon"]
    command += ["--state-dir", str(place.state_dir), "--socket", str(place.socket_path)]
    command += ["--node", place.node_name]
    return command if place.use_cgroups else [*command, "--no-cgroups"]

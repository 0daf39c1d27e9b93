"""A tree of processes that is started, frozen, thawed and killed as one: the owner's side of `machine_init`.

A tree outlives no owner: its init notices the owner's end, even by `kill -9`, and kills everything below itself. The
NATS server, the control planes and every machine of an embedded cluster run in a tree each.

Reads: the init's answers. Writes: requests to it, and the logs of the programs (through their standard output).
Never: signals a process group of the owner, so Ctrl-C at a terminal reaches the owner alone, which then shuts down in
an order of its own choosing.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from setpoint.local import machine_init
from setpoint.local.errors import LocalError

_ANSWER_BYTES_MAX = 4 * 1024 * 1024
_CLOSE_WITHIN_S = machine_init.ALL_GONE_WITHIN_S + 5.0


class Program:
    """A program that runs in a tree: its pid, and its end."""

    def __init__(self, argv: Sequence[str], pid: int, exited: asyncio.Future[int]):
        self.argv = tuple(argv)
        self.pid = pid
        self._exited = exited

    @property
    def returncode(self) -> int | None:
        """Its exit status, `-N` when signal N ended it (as in `subprocess`), None while it runs."""
        return self._exited.result() if self._exited.done() else None

    async def wait(self) -> int:
        """Wait for its end and return its exit status."""
        return await asyncio.shield(self._exited)

    def signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if not self._exited.done():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def stop(self, grace_s: float) -> int:
        """Ask it to end (SIGTERM), and kill it when it still runs after `grace_s` seconds."""
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace_s):
                return await self.wait()
        except TimeoutError:
            self.signal(signal.SIGKILL)
            return await self.wait()


class ProcessTree:
    """Processes below one init; make one with `await ProcessTree.open()`."""

    def __init__(self, init: asyncio.subprocess.Process):
        self._init = init
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._exits: dict[int, asyncio.Future[int]] = {}
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, *, own_network: bool = False) -> Self:
        """Start an init, on the host's network or in a network namespace of its own.

        Raises:
            LocalError: the kernel refuses it (a namespace needs CAP_SYS_ADMIN).
        """
        arguments = ["--own-network"] if own_network else []
        init = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", machine_init.__file__, *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=_ANSWER_BYTES_MAX,
        )
        tree = cls(init)
        first = await tree._next_message()
        if first is None or "error" in first:
            await init.wait()
            raise LocalError(f"cannot open a process tree: {first['error'] if first else 'its init ended'}")
        tree._reader = asyncio.create_task(tree._read(), name=f"process-tree-{init.pid}")
        return tree

    @property
    def pid(self) -> int:
        """The init's pid: `/proc/PID/ns/net` is the tree's network namespace."""
        return self._init.pid

    async def start(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Program:
        """Run a program in a session of its own, its output appended to the file `log`.

        `env` is its whole environment; without it, the owner's.

        Raises:
            LocalError: the program cannot be run, the log cannot be written, or the tree is gone.
        """
        answer = await self._request(
            "start",
            argv=list(argv),
            env=dict(os.environ if env is None else env),
            cwd=None if cwd is None else str(cwd),
            log=str(log),
        )
        return Program(argv, answer["pid"], self._exits[answer["pid"]])

    async def processes(self) -> tuple[int, ...]:
        """The pids of everything that lives in the tree, parents first, the init left out."""
        return tuple((await self._request("processes", below=1))["pids"])

    async def workloads(self) -> tuple[int, ...]:
        """The pids of what runs two levels down or deeper: below a program, or an orphan's below its adopter."""
        return tuple((await self._request("processes", below=2))["pids"])

    async def signal_all(self, number: int) -> None:
        """Send a signal to everything in the tree, once."""
        await self._request("signal_all", signal=int(number))

    async def freeze(self) -> tuple[int, ...]:
        """Stop everything (SIGSTOP); returns the pids."""
        return tuple((await self._request("freeze"))["pids"])

    async def thaw(self) -> None:
        """Let everything go on (SIGCONT)."""
        await self.signal_all(signal.SIGCONT)

    async def kill_all(self) -> tuple[int, ...]:
        """Kill everything (SIGKILL) and wait until it is gone; returns the pids.

        Raises:
            LocalError: something is stuck in the kernel and could not be killed.
        """
        answer = await self._request("kill_all")
        if answer["left"]:
            raise LocalError(f"processes {answer['left']} could not be killed")
        return tuple(answer["pids"])

    async def close(self) -> None:
        """Kill everything and end the init; safe to repeat."""
        stdin = self._init.stdin
        assert stdin is not None
        stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_WITHIN_S):
                await self._init.wait()
        if self._reader is not None:
            await self._reader
        with suppress(BrokenPipeError, ConnectionResetError):
            await stdin.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _request(self, verb: str, **arguments: object) -> dict[str, Any]:
        stdin = self._init.stdin
        assert stdin is not None
        if self._reader is None or self._reader.done():
            raise LocalError("the process tree is gone")
        number = next(self._numbers)
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[number] = answered
        try:
            stdin.write(json.dumps({"id": number, "do": verb, **arguments}).encode() + b"\n")
            answer = await answered
        finally:
            self._answers.pop(number, None)
        if "error" in answer:
            raise LocalError(answer["error"])
        return answer

    async def _next_message(self) -> dict[str, Any] | None:
        assert self._init.stdout is not None
        line = await self._init.stdout.readline()
        return json.loads(line) if line.endswith(b"\n") else None

    async def _read(self) -> None:
        """Hand answers and exits to those who wait for them, until the init ends and everything with it."""
        while (message := await self._next_message()) is not None:
            if "exited" in message:
                self._exits[message["exited"]].set_result(message["code"])
                continue
            if "pid" in message:
                # Made here and not in `start`: the exit may be the very next line.
                self._exits[message["pid"]] = asyncio.get_running_loop().create_future()
            if (answered := self._answers.get(message["id"])) is not None and not answered.done():
                answered.set_result(message)
        for answered in self._answers.values():
            if not answered.done():
                answered.set_result({"error": "the process tree is gone"})
        for exited in self._exits.values():
            if not exited.done():
                exited.set_result(-signal.SIGKILL)

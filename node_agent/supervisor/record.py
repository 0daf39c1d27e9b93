"""What is remembered on disk about one container: one small JSON file, replaced atomically.

    <state dir>/containers/<id>/state.json     this record
    <state dir>/containers/<id>/stdout stderr  the FIFOs
    <state dir>/containers/<id>/*.partial      output that waits for the end of its line

The file is renamed into place and not synced: it must survive our death, not the machine's, after which no
process of it lives anyway and the boot id tells so.
"""
# ruff: noqa: PTH103, PTH104, PTH106, PTH108, PTH208

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

FORMAT = 1

RUNNING = "Running"
EXITED = "Exited"

COMPLETED, ERROR, OOM_KILLED, UNKNOWN, REBOOT = "Completed", "Error", "OOMKilled", "Unknown", "Reboot"


class UnknownFormat(Exception):
    """The state was written by a later version of this program."""


@dataclass(slots=True)
class Record:
    """One container. Times are Unix seconds; see `node_agent.runtime.port` for the meaning of the outcome."""

    id: str
    phase: str = RUNNING
    pid: int | None = None
    start_ticks: int | None = None
    boot_id: str = ""
    started_at_s: float = 0.0
    finished_at_s: float | None = None
    exit_code: int | None = None
    signal: int | None = None
    reason: str | None = None
    oom_killed: bool = False
    log_path: str = ""
    log_max_bytes: int = 0
    log_max_files: int = 1
    annotations: dict[str, str] = field(default_factory=dict)

    def end(self, status: int | None, at_s: float) -> None:
        """Notes how the first process ended. `status` is a wait status, None where nobody knows."""
        self.phase, self.finished_at_s = EXITED, at_s
        if status is None:
            self.exit_code, self.signal, self.reason = None, None, UNKNOWN
            return
        code = os.waitstatus_to_exitcode(status)
        self.signal = -code if code < 0 else None
        self.exit_code = 128 - code if code < 0 else code
        self.reason = COMPLETED if code == 0 else ERROR

    def end_by_reboot(self, at_s: float) -> None:
        """Notes that the machine restarted under it."""
        self.end(None, at_s)
        self.reason = REBOOT

    def blame_memory(self) -> None:
        """Notes that the kernel killed in this container for its memory limit."""
        if self.exit_code != 0:
            self.oom_killed, self.reason = True, OOM_KILLED

    def public(self) -> dict[str, Any]:
        """What clients are told."""
        shown = asdict(self)
        for internal in ("start_ticks", "boot_id", "log_max_bytes", "log_max_files"):
            del shown[internal]
        return shown


class Shelf:
    """The folder of all records."""

    def __init__(self, state_dir: str) -> None:
        self.directory = state_dir + "/containers"
        os.makedirs(self.directory, mode=0o700, exist_ok=True)

    def place(self, container_id: str, name: str = "") -> str:
        """The folder of a container, or a file in it."""
        folder = f"{self.directory}/{container_id}"
        return f"{folder}/{name}" if name else folder

    def save(self, record: Record) -> None:
        """Replaces the record.

        Raises:
            OSError: The disk is full or read-only.
        """
        final = self.place(record.id, "state.json")
        text = json.dumps({"format": FORMAT, **asdict(record)})
        fd = os.open(final + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(text.encode())
        os.rename(final + ".new", final)

    def load_all(self) -> Iterator[Record]:
        """All readable records; folders without one belong to starts that never happened, and are removed.

        Raises:
            UnknownFormat: A later version wrote one of them.
        """
        for container_id in sorted(os.listdir(self.directory)):
            record = self._load(container_id)
            if record is None:
                self.drop(container_id)
            else:
                yield record

    def _load(self, container_id: str) -> Record | None:
        try:
            fd = os.open(self.place(container_id, "state.json"), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        with os.fdopen(fd, "rb") as file:
            content = file.read()
        try:
            written = json.loads(content)
        except ValueError:
            return Record(id=container_id, phase=EXITED, reason=UNKNOWN)
        if written.pop("format", 0) != FORMAT:
            raise UnknownFormat(f"{self.place(container_id)} was written by another version of this program")
        known = Record.__slots__
        return Record(**{key: value for key, value in written.items() if key in known})

    def drop(self, container_id: str) -> None:
        """Forgets a container."""
        folder = self.place(container_id)
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    os.unlink(entry.path)
            os.rmdir(folder)
        except OSError:
            return

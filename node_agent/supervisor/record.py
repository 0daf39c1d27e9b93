"""What is remembered on disk about one container: one small JSON file, replaced in one step.

    <state dir>/containers/<id>/state.json     this record
    <state dir>/containers/<id>/std*           the FIFOs
    <state dir>/containers/<id>/*.pending      output between pipe and log

The file is not synced: it must survive our death, not the machine's, after which no process of it lives anyway and the
boot id tells so. What fits into one page of memory is written in place, over what was there: a kill is noticed between
two pages and never within one, no other file has to be made for it, and it works while the disk is full. Larger ones
are renamed into place. A file that is still empty is that of a start which never happened.
"""
# ruff: noqa: PTH103, PTH104, PTH106, PTH108, PTH208

import json
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from node_agent.cgroup.port import Limits, limits_in

FORMAT = 1
_OLD_LIMITS = tuple(name for name in Limits._fields if name != "hugepages")

RUNNING = "Running"
EXITED = "Exited"

COMPLETED, ERROR, OOM_KILLED, UNKNOWN, REBOOT = "Completed", "Error", "OOMKilled", "Unknown", "Reboot"
FENCED = "Fenced"


_PAGE_BYTES = 4096
_SIGTERM = int(signal.SIGTERM)


class UnknownFormat(Exception):
    """The state was written by a later version of this program."""


class Record(NamedTuple):
    """One container. Times are Unix seconds; see `node_agent.runtime.port` for the meaning of the outcome.

    `fence` is its `wire.Fence` as a list; `fenced`: it was told to end because the node's lease had run out. `level` is
    where its group stands (see `tree`). `limits` is what is in force, in the order of `Limits` and without huge pages:
    they have a field of their own, since versions that know nothing of them read this, too; see `limits_in_force`.

    `security` is its `Security` as a list, None where that is plain; so is `stdio` its `Stdio`. `stdin_ended`: a stdin
    that ends once has done so. `stop_signal` is what asks it to end.

    A value: what happens to a container makes a new record of it.
    """

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
    annotations: Mapping[str, str] = {}
    fence: Sequence[Any] | None = None
    fenced: bool = False
    security: Sequence[Any] | None = None
    level: str = ""
    oom_score_adj: int | None = None
    limits: Sequence[int | None] = ()
    hugepages: Sequence[Sequence[int]] = ()
    stop_signal: int = _SIGTERM
    stdio: Sequence[bool] | None = None
    stdin_ended: bool = False

    def ended(self, status: int | None, at_s: float) -> "Record":
        """After its first process ended. `status` is a wait status, None where nobody knows."""
        end = self._with_outcome(status)._replace(phase=EXITED, finished_at_s=at_s)
        return end._replace(reason=FENCED) if self.fenced else end

    def _with_outcome(self, status: int | None) -> "Record":
        if status is None:
            return self._replace(reason=UNKNOWN)
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            return self._replace(exit_code=128 - code, signal=-code, reason=ERROR)
        return self._replace(exit_code=code, reason=COMPLETED if code == 0 else ERROR)

    def may_run(self, boot_id: str) -> bool:
        """Whether what an earlier supervisor wrote of could still be alive in this boot."""
        return self.phase != EXITED and self.boot_id == boot_id

    def ended_by_reboot(self, at_s: float) -> "Record":
        """After the machine restarted under it."""
        return self._replace(phase=EXITED, finished_at_s=at_s, reason=REBOOT)

    def blaming_memory(self) -> "Record":
        """After the kernel killed a process of this container for its memory, which ends all of it by SIGKILL.

        It is told so whichever process was hit, and whatever the first one made of that before it ended as well.
        """
        code = 128 + signal.SIGKILL
        return self._replace(oom_killed=True, reason=OOM_KILLED, exit_code=code, signal=int(signal.SIGKILL))

    def public(self) -> dict[str, Any]:
        """What clients are told."""
        shown = self._asdict()
        for internal in (
            "start_ticks",
            "boot_id",
            "log_max_bytes",
            "log_max_files",
            "fence",
            "fenced",
            "level",
            "oom_score_adj",
            "security",
            "hugepages",
            "stop_signal",
            "stdio",
            "stdin_ended",
        ):
            del shown[internal]
        return {**shown, "limits": self.limits_in_force._asdict()}

    @property
    def limits_in_force(self) -> Limits:
        """The limits, also of a record that another version wrote: it may know more of them, or fewer."""
        return limits_in({**dict(zip(_OLD_LIMITS, self.limits, strict=False)), "hugepages": self.hugepages})

    def with_limits(self, limits: Limits) -> "Record":
        """With other limits in force."""
        return self._replace(limits=[getattr(limits, name) for name in _OLD_LIMITS], hugepages=limits.hugepages)


def unreadable(container_id: str) -> Record:
    """Of a container whose record makes no sense: how it ended, if it did, nobody knows."""
    return Record(id=container_id, phase=EXITED, reason=UNKNOWN)


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
        data = json.dumps({"format": FORMAT, **record._asdict()}).encode()
        fd = os.open(final, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            former_bytes = os.fstat(fd).st_size
            if max(len(data), former_bytes) <= _PAGE_BYTES:
                os.pwrite(fd, data.ljust(former_bytes), 0)
                return
        finally:
            os.close(fd)
        _write(final + ".new", data)
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
        if not content:
            return None
        try:
            written = json.loads(content)
        except ValueError:
            return unreadable(container_id)
        if not isinstance(written, dict) or not isinstance(written.get("format"), int):
            return unreadable(container_id)
        if written["format"] != FORMAT:
            raise UnknownFormat(
                f"{self.place(container_id)} was written by another version of this program, in format "
                f"{written['format']} instead of {FORMAT}: start that one again, or remove the folder to give the "
                "container up"
            )
        known = {key: value for key, value in written.items() if key in Record._fields}
        return Record(**{**known, "id": container_id})

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


def _write(path: str, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)

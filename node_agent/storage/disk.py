"""The state directory: an agent's memory on disk.

A reader finds the old record or the new one (see `slots`). They are not synced: a crash of the agent loses nothing, and
after a crash of the machine the hub tells everything again.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import shutil
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from node_agent.storage import slots
from node_agent.storage.port import Identity, PodRecord, PodSpace, StateDirHeld, StorageFailure, valid_uid
from node_agent.storage.spaces import pod_space, unmount_in
from proto import codec
from proto.objects.meta import Model

log = logging.getLogger(__name__)
M = TypeVar("M", bound=Model)

_RECORD = "record.msgpack"
_CHECK_BYTES = 4096
"""A page: what a full file system refuses, though it may still take an empty file."""


class DiskStorage:
    """A `Storage` in a directory. Only one agent at a time may have it open (flock)."""

    def __init__(self, state_dir: Path) -> None:
        self._root = state_dir.absolute()
        self._pods = self._root / "pods"
        self._lock: int | None = None

    def open(self) -> None:
        """See the port."""
        try:
            self._pods.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._lock = _open_lock(self._root / "lock")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise StateDirHeld(f"another agent works on state directory {self._root}") from None
        except OSError as error:
            self.close()
            raise _failure("use state directory", self._root, error) from None

    def close(self) -> None:
        """See the port."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def check(self) -> None:
        """See the port."""
        place = self._root / "check"
        try:
            with open(place, "wb", opener=_private) as file:
                file.write(bytes(_CHECK_BYTES))
        except OSError as error:
            raise _failure("write to state directory", self._root, error) from None
        finally:
            with contextlib.suppress(OSError):
                place.unlink()

    def load_identity(self) -> Identity:
        """See the port."""
        return _read(self._root / "identity.msgpack", Identity) or Identity()

    def save_identity(self, identity: Identity) -> None:
        """See the port."""
        path = self._root / "identity.msgpack"
        try:
            slots.replace(str(path), codec.pack(identity))
        except OSError as error:
            raise _failure("write", path, error) from None

    def load_pods(self) -> tuple[PodRecord, ...]:
        """See the port."""
        records = (_read(self._pods / uid / _RECORD, PodRecord) for uid in sorted(self.pod_uids()))
        return tuple(record for record in records if record is not None)

    def save_pod(self, record: PodRecord) -> None:
        """See the port."""
        place, data = self._pods / record.assignment.pod.metadata.uid, codec.pack(record)
        path = f"{place}/{_RECORD}"
        try:
            try:
                slots.write(path, data)
            except FileNotFoundError:
                place.mkdir(mode=0o755, exist_ok=True)
                slots.write(path, data)
        except OSError as error:
            raise _failure("write", path, error) from None

    def pod_uids(self) -> frozenset[str]:
        """See the port."""
        try:
            return frozenset(entry.name for entry in os.scandir(self._pods) if valid_uid(entry.name))
        except OSError:
            return frozenset()

    def prepare_pod(self, uid: str, owner: tuple[int, int] = (-1, -1)) -> Path:
        """See the port. A group's members share it: what they make in it belongs to the group, too."""
        files = self._pods / uid / "files"
        try:
            files.mkdir(mode=0o755, parents=True, exist_ok=True)
            if owner != (-1, -1) and os.geteuid() == 0:
                os.chown(files, *owner)
                files.chmod(0o755 if owner[1] == -1 else 0o2775)
        except OSError as error:
            raise _failure("make", files, error) from None
        return files

    def volume_dir(self, uid: str, volume: str) -> Path:
        """See the port."""
        above = self._pods / uid / "volumes"
        try:
            above.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _failure("make", above, error) from None
        return above / volume

    def log_path(self, uid: str, container: str, attempt: int) -> Path:
        """See the port."""
        return self._pods / uid / "logs" / container / f"{attempt}.log"

    def message_path(self, uid: str, container: str, attempt: int) -> Path:
        """See the port."""
        return self._pods / uid / "messages" / f"{container}.{attempt}"

    async def space_of(self, uid: str) -> PodSpace:
        """See the port."""
        return await asyncio.to_thread(pod_space, self._pods / uid)

    async def empty_pod(self, uid: str) -> None:
        """See the port."""
        for name in ("files", "logs", "messages"):
            await asyncio.to_thread(shutil.rmtree, self._pods / uid / name, ignore_errors=True)

    async def remove_pod(self, uid: str) -> None:
        """See the port. A large directory takes its time, so a thread does it."""
        try:
            await asyncio.to_thread(_remove, self._pods / uid)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _failure("remove", error.filename, error) from None


def _remove(directory: Path) -> None:
    unmount_in(directory / "volumes")
    shutil.rmtree(directory)


def _read(path: Path, model: type[M]) -> M | None:
    """A record; None if it is not there or not readable, which is logged."""
    try:
        return codec.unpack(path.read_bytes(), model)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, ValidationError) as error:
        log.warning("record_unreadable path=%s error=%r", path, str(error))
        return None


def _failure(what: str, path: Path | str, error: OSError) -> StorageFailure:
    """What could not be done, where, and why."""
    return StorageFailure(f"cannot {what} {path}: {error.strerror}", error.errno)


def _open_lock(path: Path) -> int:
    """The file to lock. One that is there already can be locked on a read-only file system, too."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

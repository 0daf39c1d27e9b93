"""The storage port: what must survive the agent's process."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import NamedTuple, Protocol

from proto.node import Assignment
from proto.objects.meta import Many, Model, Timestamp
from proto.objects.pod_status import PodStatus

_UID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


def valid_uid(uid: str) -> bool:
    """Whether a pod's uid can name a directory and be part of a container's id (no dots, no slashes)."""
    return _UID.fullmatch(uid) is not None


class Identity(Model):
    """Who the agent of this state directory is.

    `incarnation` is its latest life, `predecessors` those before it that the hub may still know (newest first): a life
    that ended before it was registered leaves them as they were.
    """

    machine_id: str = ""
    incarnation: str = ""
    predecessors: Many[str] = ()


class PodRecord(Model):
    """What an agent must know of a pod after its own restart. `assigned` is False once the hub took the pod away.

    `kill_at` is when the grace of a pod that is ending is over, `grace_s` how long it was.
    """

    assignment: Assignment
    assigned: bool = True
    ports: dict[str, int] = {}
    reported: PodStatus = PodStatus()
    kill_at: Timestamp | None = None
    grace_s: float | None = None


class Space(NamedTuple):
    """How much of the disk something takes, in bytes and in files."""

    bytes: int = 0
    inodes: int = 0

    def plus(self, other: Space) -> Space:
        """Both together."""
        return Space(self.bytes + other.bytes, self.inodes + other.inodes)


class PodSpace(NamedTuple):
    """What a pod takes of the disk: its working directory, the output by container, the volumes by name.

    What a program says of its end is its container's output, too.
    """

    files: Space = Space()
    logs: Mapping[str, Space] = {}
    volumes: Mapping[str, Space] = {}

    @property
    def total(self) -> Space:
        """All of it."""
        return reduce(Space.plus, (*self.logs.values(), *self.volumes.values()), self.files)


class StorageFailure(Exception):
    """The state directory cannot be read or written; the message says which file and why.

    `errno` is the system's code (ENOSPC, EROFS, …); 0 where there is none.
    """

    def __init__(self, message: str, errno: int | None = 0) -> None:
        super().__init__(message)
        self.errno = errno or 0


class StateDirHeld(StorageFailure):
    """Another agent works on this state directory."""


class Storage(Protocol):
    """An agent's memory. Writing replaces a record as a whole, never half of it."""

    def open(self) -> None:
        """Take possession.

        Raises:
            StateDirHeld: another agent has it.
            StorageFailure: it cannot be made or written.
        """

    def close(self) -> None:
        """Let go of it."""

    def check(self) -> None:
        """Write something, and remove it again.

        Raises:
            StorageFailure: nothing can be kept here now.
        """

    def load_identity(self) -> Identity:
        """The identity saved last; an empty one if there is none."""

    def save_identity(self, identity: Identity) -> None:
        """Keep the identity.

        Raises:
            StorageFailure
        """

    def load_pods(self) -> tuple[PodRecord, ...]:
        """All readable records; one that cannot be read is left out."""

    def save_pod(self, record: PodRecord) -> None:
        """Keep a pod's record.

        Raises:
            StorageFailure
        """

    def pod_uids(self) -> frozenset[str]:
        """The uids of all pods of which there is anything here."""

    def prepare_pod(self, uid: str, owner: tuple[int, int] = (-1, -1)) -> Path:
        """Make the pod's directories; its working directory, which belongs to that user and group (-1: the agent's).

        Raises:
            StorageFailure
        """

    def volume_dir(self, uid: str, volume: str) -> Path:
        """Where a volume of a pod is; only the agent may enter the folder that it is in, which is made.

        Raises:
            StorageFailure
        """

    def log_path(self, uid: str, container: str, attempt: int) -> Path:
        """The file that one attempt's output goes to."""

    def message_path(self, uid: str, container: str, attempt: int) -> Path:
        """The file in which one attempt's program says why it ends; only the agent may enter its folder."""

    async def space_of(self, uid: str) -> PodSpace:
        """What the pod takes of the disk; nothing where that cannot be told. What is in memory does not count."""

    async def empty_pod(self, uid: str) -> None:
        """Remove the working directory, output and messages of a pod that has ended; its record stays."""

    async def remove_pod(self, uid: str) -> None:
        """Remove everything of a pod, what is mounted in it first; it may not exist.

        Raises:
            StorageFailure
        """

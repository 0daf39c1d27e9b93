"""A state directory in memory, for simulations and tests: give the same object to the next agent to restart it."""

from __future__ import annotations

from pathlib import Path

from node_agent.storage.port import Identity, PodRecord, PodSpace, StateDirHeld


class MemoryStorage:
    """A `Storage` that outlives its agents. `root` is where paths pretend to lie."""

    def __init__(self, root: str = "/memory") -> None:
        self.root = Path(root)
        self._identity = Identity()
        self._records: dict[str, PodRecord] = {}
        self._directories: set[str] = set()
        self.spaces: dict[str, PodSpace] = {}
        self._held = False

    def open(self) -> None:
        """See the port."""
        if self._held:
            raise StateDirHeld(f"another agent works on {self.root}")
        self._held = True

    def close(self) -> None:
        """See the port. Call it for an agent that was killed, too: the kernel drops its lock."""
        self._held = False

    def check(self) -> None:
        """See the port; memory takes everything."""

    def load_identity(self) -> Identity:
        """See the port."""
        return self._identity

    def save_identity(self, identity: Identity) -> None:
        """See the port."""
        self._identity = identity

    def load_pods(self) -> tuple[PodRecord, ...]:
        """See the port."""
        return tuple(self._records.values())

    def save_pod(self, record: PodRecord) -> None:
        """See the port."""
        self._records[record.assignment.pod.metadata.uid] = record

    def pod_uids(self) -> frozenset[str]:
        """See the port."""
        return frozenset(self._records) | self._directories

    def prepare_pod(self, uid: str, owner: tuple[int, int] = (-1, -1)) -> Path:
        """See the port."""
        self._directories.add(uid)
        return self.root / uid / "files"

    def volume_dir(self, uid: str, volume: str) -> Path:
        """See the port."""
        return self.prepare_pod(uid) / "volumes" / volume

    def log_path(self, uid: str, container: str, attempt: int) -> Path:
        """See the port."""
        return self.root / uid / "logs" / container / f"{attempt}.log"

    def message_path(self, uid: str, container: str, attempt: int) -> Path:
        """See the port."""
        return self.root / uid / "messages" / f"{container}.{attempt}"

    async def space_of(self, uid: str) -> PodSpace:
        """See the port."""
        return self.spaces.get(uid, PodSpace())

    async def empty_pod(self, uid: str) -> None:
        """See the port."""
        self._directories.discard(uid)
        self.spaces.pop(uid, None)

    async def remove_pod(self, uid: str) -> None:
        """See the port."""
        self._records.pop(uid, None)
        self._directories.discard(uid)

"""All volumes of this node's pods: made before a container starts, kept as they should be, removed with the pod.

Reads: contents as they were planned. Writes: the folders of volumes. Never: decides what is in them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from node_agent.plan.volumes import MEMORY, Content, File, Volumes
from node_agent.storage.port import Storage, StorageFailure
from node_agent.storage.spaces import mount_memory
from node_agent.volumes.atomic_files import write_files
from node_agent.volumes.places import WrongPlace, host_place

Mount = tuple[str, str, bool]
"""What is mounted where, and whether it may only be read."""


class VolumeFailure(StorageFailure):
    """A volume cannot be made now; the message is the kubelet's (`FailedMount`)."""


class VolumeKeeper:
    """The volumes of all pods, in the folders that the storage has for them."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._written: dict[str, Mapping[str, Mapping[str, File]]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def mounts_of(self, uid: str, volumes: Volumes, group: int) -> tuple[Mount, ...]:
        """Makes what a container mounts; `group` is whom the volumes belong to, -1 for the agent's.

        Raises:
            VolumeFailure
        """
        if not volumes.mounts:
            return ()
        async with self._locks.setdefault(uid, asyncio.Lock()):
            return await asyncio.to_thread(self._make, uid, volumes, group)

    async def refresh(self, uid: str, files: Mapping[str, Mapping[str, File]], group: int) -> None:
        """Brings the files of volumes that were made before to what they should be now.

        Raises:
            VolumeFailure
        """
        async with self._locks.setdefault(uid, asyncio.Lock()):
            if not self.is_current(uid, files):
                await asyncio.to_thread(self._refresh, uid, files, group)
                self._written[uid] = files

    def is_current(self, uid: str, files: Mapping[str, Mapping[str, File]]) -> bool:
        """Whether these were written last."""
        return self._written.get(uid) == files

    def forget(self, uid: str) -> None:
        """The pod is gone, with its folders."""
        self._written.pop(uid, None)
        self._locks.pop(uid, None)

    def _make(self, uid: str, volumes: Volumes, group: int) -> tuple[Mount, ...]:
        places = {name: self._place(uid, name, content, group) for name, content in volumes.contents.items()}
        mounts = []
        for mount in volumes.mounts:
            source = places[mount.volume]
            if mount.sub_path:
                source = self._part(mount.volume, source, mount.sub_path, volumes.contents[mount.volume])
            mounts.append((str(source), mount.path, mount.read_only))
        return tuple(mounts)

    def _place(self, uid: str, name: str, content: Content, group: int) -> Path:
        try:
            if content.host is not None:
                return host_place(content.host)
            folder = self._storage.volume_dir(uid, name)
            folder.mkdir(exist_ok=True)
            if content.medium == MEMORY:
                mount_memory(folder, content.size_bytes)
            if content.files is not None:
                folder.chmod(0o755)
                write_files(folder, content.files, group)
            else:
                if group != -1:
                    os.chown(folder, -1, group)
                folder.chmod(0o777 if group == -1 else 0o2777)
        except (OSError, ValueError, WrongPlace, StorageFailure) as problem:
            raise VolumeFailure(f'MountVolume.SetUp failed for volume "{name}" : {_reason(problem)}') from None
        return folder

    def _part(self, name: str, volume: Path, sub_path: str, content: Content) -> Path:
        """A file or folder of a volume. In a volume that is written to, a folder is made of what is not there."""
        problem = f'failed to prepare subPath for volumeMount "{name}": {sub_path}'
        try:
            root = volume.resolve()
            part = (root / sub_path).resolve()
            if not part.is_relative_to(root):
                raise VolumeFailure(f"{problem} leads out of the volume")
            if not part.exists():
                if content.files is not None:
                    raise VolumeFailure(f"{problem} is not there")
                part.mkdir(mode=0o755, parents=True)
        except (OSError, ValueError) as error:
            raise VolumeFailure(f"{problem}: {getattr(error, 'strerror', None) or error}") from None
        return part

    def _refresh(self, uid: str, files: Mapping[str, Mapping[str, File]], group: int) -> None:
        for name, wanted in files.items():
            folder = self._storage.volume_dir(uid, name)
            if not folder.is_dir():
                continue
            try:
                write_files(folder, wanted, group)
            except OSError as problem:
                raise VolumeFailure(f'volume "{name}" cannot be updated: {problem.strerror}') from None


def _reason(problem: Exception) -> str:
    """What went wrong, and with which file where that is known: a mount knows of none.

    The folders in which files are written before they are shown have other names each time, which nobody needs to know,
    and which would make a new event of each try.
    """
    if not isinstance(problem, OSError):
        return str(problem)
    if not problem.filename:
        return str(problem.strerror)
    shown = Path(*(part for part in Path(problem.filename).parts if not part.startswith("..")))
    return f"{problem.strerror}: {shown}"

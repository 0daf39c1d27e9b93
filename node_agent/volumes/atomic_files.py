"""The files of one volume, changed all at once: written beside the old ones, then a symbolic link is renamed.

Source: Kubernetes `pkg/volume/util/atomic_writer.go`. Blocks: it is called in a thread.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from node_agent.plan.volumes import File

DATA = "..data"


def write_files(folder: Path, files: Mapping[str, File], group: int = -1) -> bool:
    """Makes the volume hold exactly these files; whether anything had to change. `group` may read them (-1: no more).

    Raises:
        OSError: The disk is full, or two paths are in each other's way.
    """
    current = folder / DATA
    if current.is_symlink() and _held(current.resolve(), files, group):
        return False
    before = current.resolve() if current.is_symlink() else None
    fresh = Path(tempfile.mkdtemp(prefix="..", dir=folder))
    try:
        _fill(fresh, files, group)
        link = folder / f"{DATA}_tmp"
        link.unlink(missing_ok=True)
        link.symlink_to(fresh.name)
        link.rename(current)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    _name(folder, {path.split("/")[0] for path in files})
    if before is not None:
        shutil.rmtree(before, ignore_errors=True)
    return True


def _fill(fresh: Path, files: Mapping[str, File], group: int) -> None:
    fresh.chmod(0o755)
    for path, file in files.items():
        target = fresh / path
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        target.write_bytes(file.data)
        if group != -1:
            os.chown(target, -1, group)
        target.chmod(_mode(file, group))


def _mode(file: File, group: int) -> int:
    """A group that volumes belong to may read their files, whatever their mode says of it (Kubernetes: fsGroup)."""
    return file.mode | 0o440 if group != -1 else file.mode


def _held(data: Path, files: Mapping[str, File], group: int) -> bool:
    """Whether the present files are these."""
    present = {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}
    if present != set(files):
        return False
    for path, file in files.items():
        status = (data / path).stat()
        if status.st_mode & 0o777 != _mode(file, group) or status.st_size != len(file.data):
            return False
        if group not in (-1, status.st_gid) or (data / path).read_bytes() != file.data:
            return False
    return True


def _name(folder: Path, names: set[str]) -> None:
    """Gives every file, or the folder it is in, its own name, and takes the names of those that are gone."""
    for name in names:
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(f"{DATA}/{name}")
    for entry in folder.iterdir():
        if not entry.name.startswith("..") and entry.name not in names:
            entry.unlink()

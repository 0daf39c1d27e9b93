"""Directories that look like a kernel's: made-up groups and made-up proc files."""

from pathlib import Path


def seed(folder: Path, **files: str) -> None:
    """Makes a group's files; `__` stands for the dot in a name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def contents(group: Path, *names: str) -> list[str]:
    """What stands in a group's files."""
    return [(group / name).read_text().strip() for name in names]


def made_up_proc(folder: Path, mountinfo: str, groups: str) -> str:
    """The two files that tell of groups."""
    (folder / "self").mkdir(parents=True)
    (folder / "self" / "mountinfo").write_text(mountinfo)
    (folder / "self" / "cgroup").write_text(groups)
    return str(folder)


def made_up_v2(folder: Path, procs: str, controllers: str = "cpu io memory pids", unit: str = "unit") -> str:
    """A delegated v2 group whose processes cannot really be moved, so it starts without any. We are in `unit`."""
    mount = folder / "cgroup"
    group = mount / unit
    group.mkdir(parents=True)
    for above in (group, group.parent):
        (above / "cgroup.procs").write_text(procs)
        (above / "cgroup.controllers").write_text(controllers)
        (above / "cgroup.subtree_control").write_text("")
    return made_up_proc(folder / "proc", f"24 1 0:2 / {mount} rw - cgroup2 cgroup2 rw\n", f"0::/{unit}\n")

"""Chooses the cgroup driver by what this host has mounted and what this process may really write.

A layout is tried, not guessed: the base directories are made, controllers enabled, and what fails becomes a
missing ability with its reason. On v2 we stay below the group that this process was started in, since
systemd or a container engine delegated that one and no other, unless it is a service's own group: with
controllers handed down there, systemd could not start the service again. On v1, where nothing is delegated,
we stay below `setpoint/` in each tree.

*Reads* `/proc/self/mountinfo` and `/proc/self/cgroup`. *Writes* the base directories; on v2 it also moves
this process and its parent into a leaf, because a group that hands controllers down may hold no processes.
"""
# ruff: noqa: PTH103, PTH116

import os
import zlib

from node_agent.cgroup import disks, files, hugepages
from node_agent.cgroup.hybrid import Hybrid
from node_agent.cgroup.none import NoCgroups
from node_agent.cgroup.port import HUGETLB, Cgroups, Located
from node_agent.cgroup.unified import UnifiedTree
from node_agent.cgroup.v1 import BLKIO, V1
from node_agent.cgroup.v2 import V2, WANTED_CONTROLLERS, WELCOME_CONTROLLERS, enable_controllers

LEAF = "supervisor"
_OWN_LEAVES = frozenset({LEAF, "agent"})
_V1_CONTROLLERS = ("cpu", "cpuacct", "memory", "pids")


def base_name(node_name: str, state_dir: str) -> str:
    """Names a base directory: the node is for people, the checksum tells nodes of one name on one host apart."""
    return f"{node_name}-{zlib.crc32(os.fsencode(os.path.realpath(state_dir))):08x}"


def detect(name: str, proc: str = "/proc", pools: str = hugepages.POOLS) -> Cgroups:
    """The best driver that works here.

    Args:
        name: Names the base directory where it has to be told from others on the same host.
        proc: Where proc is mounted; tests bring their own.
        pools: Where the kernel tells of huge pages. Without any, nothing has to be limited.
    """
    located = _located(proc)
    page_sizes = tuple(sorted(hugepages.pools(pools)))
    v1 = {c: place for place in located if not _is_v2(place) for c in place.controllers}
    v2 = next((place for place in located if _is_v2(place)), None)
    if not v1.keys().isdisjoint(_V1_CONTROLLERS):
        return _detect_v1(name, v1, v2, page_sizes)
    if v2 is not None:
        return _detect_v2(v2, page_sizes)
    return NoCgroups("no cgroup hierarchy is mounted")


def only_v2(proc: str = "/proc") -> bool:
    """Whether the unified hierarchy is mounted and has the controllers, none of which is in a tree of v1."""
    located = _located(proc)
    limiting = any(place.controllers & set(_V1_CONTROLLERS) for place in located)
    return not limiting and any(_is_v2(place) for place in located)


def own_v2_group(proc: str = "/proc") -> str | None:
    """The directory of this process's group in the unified hierarchy; None where it is not mounted."""
    place = next((place for place in _located(proc) if _is_v2(place)), None)
    return None if place is None else place.mount + place.own_path


def _located(proc: str) -> list[Located]:
    return locate(files.read(f"{proc}/self/mountinfo") or "", files.read(f"{proc}/self/cgroup") or "")


def locate(mountinfo: str, own_groups: str) -> list[Located]:
    """All cgroup mounts with our own group in each, read from the text of the two proc files."""
    own: dict[frozenset[str], str] = {}
    for line in own_groups.splitlines():
        _, controllers, path = line.split(":", 2)
        own[frozenset(filter(None, controllers.split(",")))] = path
    located = (_mount(line) for line in mountinfo.splitlines())
    return [_with_own_path(place, own) for place in located if place is not None]


def _mount(line: str) -> Located | None:
    """One line of mountinfo, if it is a cgroup mount; `own_path` is the mount's root for now."""
    before, _, after = line.partition(" - ")
    fields, kind = before.split(), after.split()
    if len(fields) < 5 or len(kind) < 3 or kind[0] not in ("cgroup", "cgroup2"):
        return None
    options = frozenset(kind[2].split(","))
    wanted = frozenset() if kind[0] == "cgroup2" else options - {"rw", "ro"}
    return Located(mount=_unescaped(fields[4]), own_path=fields[3], controllers=wanted)


def _unescaped(path: str) -> str:
    return path.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")


def _with_own_path(place: Located, own: dict[frozenset[str], str]) -> Located:
    """Our group relative to the mount. In a container the mount shows a subtree, whose root it names."""
    root = place.own_path.rstrip("/")
    keys = [key for key in own if key == place.controllers or (key and key <= place.controllers)]
    path = own[keys[0]] if keys else "/"
    inside = root != "" and (path == root or path.startswith(root + "/"))
    relative = path[len(root) :] if inside else path
    return place._replace(own_path=relative.rstrip("/"))


def _is_v2(place: Located) -> bool:
    return not place.controllers


def _detect_v1(name: str, v1: dict[str, Located], v2: Located | None, page_sizes: tuple[int, ...]) -> Cgroups:
    bases: dict[str, str] = {}
    missing: dict[str, str] = {}
    for controller in (*_V1_CONTROLLERS, *([HUGETLB] if page_sizes else [])):
        if controller not in v1:
            missing[controller] = f"the {controller} controller is not mounted"
        elif (base := _writable_base(v1[controller], name)) is not None:
            bases[controller] = base
        else:
            missing[controller] = f"no permission to make groups in {v1[controller].mount}"
    missing.pop("cpuacct", None)
    if not bases:
        mounts = sorted({place.mount for place in v1.values() if place.controllers & set(_V1_CONTROLLERS)})
        return NoCgroups(f"no permission to make groups in {', '.join(mounts)}")
    if BLKIO in v1 and disks.any_weighed_by_bfq() and (base := _writable_base(v1[BLKIO], name)) is not None:
        bases[BLKIO] = base
    limiting = V1(bases, missing, page_sizes)
    unified = _writable_base(v2, name) if v2 is not None else None
    return limiting if unified is None else Hybrid(limiting, UnifiedTree(unified))


def _writable_base(place: Located, name: str) -> str | None:
    """Our directory in a tree: at its top, so that a later start finds it again, else below our own group."""
    for above in dict.fromkeys((place.mount, place.mount + place.own_path)):
        base = f"{above}/setpoint/{name}"
        try:
            os.makedirs(base, exist_ok=True)
        except OSError:
            continue
        if os.access(base, os.W_OK) and os.access(base + "/cgroup.procs", os.W_OK):
            return base
    return None


def _detect_v2(place: Located, page_sizes: tuple[int, ...]) -> Cgroups:
    base = delegated_base(place)
    if not os.access(base, os.W_OK):
        return NoCgroups(f"{base} is not delegated to us (systemd: Delegate=yes)")
    if base.endswith(".service") and base == place.mount + place.own_path:
        return NoCgroups(f"{base} is where systemd starts a service, and it gave us no scope beside it")
    strangers = set(files.read_pids(base)) - {os.getpid(), os.getppid()}
    if strangers and not _is_delegated(base):
        return NoCgroups(f"{base} is shared with other processes (systemd: Delegate=yes)")
    if not _move_into_leaf(base):
        return NoCgroups(f"processes cannot be moved below {base}")
    offered = frozenset((files.read(base + "/cgroup.controllers") or "").split())
    enabled = enable_controllers(base, offered & frozenset((*WANTED_CONTROLLERS, *WELCOME_CONTROLLERS)))
    missing = {c: f"the {c} controller is not delegated to {base}" for c in WANTED_CONTROLLERS if c not in enabled}
    if page_sizes and HUGETLB not in enabled:
        missing[HUGETLB] = f"{base} is not offered the hugetlb controller, which systemd hands down nowhere by itself"
    return V2(base, enabled, missing, page_sizes)


def delegated_base(place: Located) -> str:
    """The group that is ours: our own, or the one above it if we already sit in a leaf that we made."""
    own = place.mount + place.own_path
    above, _, last = own.rpartition("/")
    return above if last in _OWN_LEAVES and place.own_path else own


def _is_delegated(base: str) -> bool:
    """Whether systemd marked the group as handed over, or it simply belongs to an ordinary user."""
    for attribute in ("user.delegate", "trusted.delegate"):
        try:
            if os.getxattr(base, attribute) == b"1":
                return True
        except OSError:
            continue
    return os.geteuid() != 0 and os.stat(base).st_uid == os.geteuid()


def _move_into_leaf(base: str) -> bool:
    """Moves every process of the base group into the leaf; whether the base is free of processes now."""
    leaf = f"{base}/{LEAF}"
    try:
        os.makedirs(leaf, exist_ok=True)
    except OSError:
        return False
    for pid in files.read_pids(base):
        files.write_if_possible(leaf + "/cgroup.procs", str(pid))
    return not files.read_pids(base)

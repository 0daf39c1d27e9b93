"""The group where the supervisor lives, kept on disk so that the next supervisor finds it: `<state dir>/cgroup`.

On the unified hierarchy workloads stay where they were started, and only their neighbour can look after them: limits
of new ones, killing and counting all happen below one base. A supervisor that was killed leaves them behind; the next
one is started by an agent that lives elsewhere, and moves in here before it looks around.

*Reads* and *writes* that file, and `cgroup.procs` of the group that it names. *Never* returns to a group that systemd
is about to remove: one whose workloads have all ended, or a scope that is being stopped with those that are left.
"""
# ruff: noqa: PTH104

import os

from node_agent.cgroup import files
from node_agent.cgroup.detect import LEAF, own_v2_group
from node_agent.supervisor.tree import WORKLOADS

_NOT_ACTIVE = 3
"""What `systemctl is-active` exits with (LSB: program is not running)."""


def return_home(state_dir: str) -> bool:
    """Moves this process into the group of an earlier supervisor, if workloads go on there; whether it did."""
    base = (files.read(state_dir + "/cgroup") or "").strip()
    if not base or not files.pids_below(f"{base}/{WORKLOADS}") or _is_stopping(base):
        return False
    return files.write_if_possible(f"{base}/{LEAF}/cgroup.procs", str(os.getpid()))


def remember_home(state_dir: str) -> None:
    """Notes our base, if we live in a leaf of one. A disk that is full costs what the next supervisor would know."""
    base, _, leaf = (own_v2_group() or "").rpartition("/")
    if leaf != LEAF:
        return
    try:
        fd = os.open(state_dir + "/cgroup.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(base + "\n")
        os.rename(state_dir + "/cgroup.new", state_dir + "/cgroup")
    except OSError:
        return


def _is_stopping(base: str) -> bool:
    """Whether the group is a scope that systemd does not keep active any more. Where it cannot be asked, it does."""
    unit = base.rpartition("/")[2]
    if not unit.endswith(".scope"):
        return False
    question = ["systemctl", *([] if os.geteuid() == 0 else ["--user"]), "is-active", "--quiet", unit]
    try:
        asking = os.posix_spawnp(question[0], question, os.environ)
    except OSError:
        return False
    return os.waitstatus_to_exitcode(os.waitpid(asking, 0)[1]) == _NOT_ACTIVE

"""Becoming the user that a program runs as, with the rights that it may have: in the child, before its program.

The order matters: resource limits and mounts want root, capabilities are dropped before the user changes, and
`no_new_privs` comes last, since it would keep nothing of what comes before it from happening.
"""

import errno
import os
import resource
import stat
from collections.abc import Callable

from node_agent.supervisor import kernel
from node_agent.supervisor.security import Security
from proto.capabilities import ALL, CAPABILITIES


class Refusal(Exception):
    """The kernel does not let a program have what it asks for; the message says what, and why."""

    def __init__(self, what: str, problem: OSError | ValueError) -> None:
        self.errno = getattr(problem, "errno", None) or errno.EINVAL
        super().__init__(f"cannot {what}: {os.strerror(self.errno)}")


def set_limits(security: Security) -> None:
    """Sets the resource limits.

    Raises:
        Refusal: A hard limit would be raised by one who is not root, or is not known here.
    """
    for name, soft, hard in security.rlimits:
        try:
            resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (soft, hard))
        except (OSError, ValueError, AttributeError) as problem:
            known = problem if isinstance(problem, OSError) else OSError(errno.EPERM, "")
            raise Refusal(f"set resource limit {name} to {_amount(soft)}:{_amount(hard)}", known) from None


def _amount(limit: int) -> str:
    return "unlimited" if limit == resource.RLIM_INFINITY else str(limit)


def assume(security: Security) -> None:
    """Changes groups, user and capabilities of this process for good.

    Raises:
        Refusal: One of them cannot be changed.
    """
    added = _to_add(security)
    _drop_capabilities(security)
    _change_user(security, added)
    if security.no_new_privileges:
        _do("forbid new privileges", lambda: kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1))


def _drop_capabilities(security: Security) -> None:
    """Takes them from the bounding set, so that not even a program of root has them.

    One who is not root cannot do that, and need not where no new privileges can be had.
    """
    kept = _numbers(security.add_capabilities)
    for number in sorted(_numbers(security.drop_capabilities) - kept):
        try:
            kernel.prctl(kernel.PR_CAPBSET_DROP, number)
        except OSError as problem:
            if problem.errno == errno.EINVAL:
                continue  # This kernel does not know it, so nobody has it.
            if problem.errno == errno.EPERM and os.geteuid() != 0 and security.no_new_privileges:
                continue
            raise Refusal(f"drop capability {CAPABILITIES[number]}", problem) from None


def _change_user(security: Security, added: set[int]) -> None:
    uid, gid, groups = security.uid, security.gid, security.groups
    if groups is not None:
        _do(f"join groups {list(groups)}", lambda: os.setgroups(groups))
    if gid is not None:
        _do(f"run as group {gid}", lambda: os.setresgid(gid, gid, gid))
    if uid is None or uid == os.geteuid():
        return
    mask = sum(1 << number for number in added)
    _do(f"run as user {uid}", lambda: _hand_over_output(uid))
    if mask:
        kernel.prctl(kernel.PR_SET_KEEPCAPS, 1)
    _do(f"run as user {uid}", lambda: os.setresuid(uid, uid, uid))
    if mask:
        _do("keep the added capabilities", lambda: _keep(mask))


def _to_add(security: Security) -> set[int]:
    """The capabilities to be kept; `ALL` are those that this machine has to give.

    Raises:
        Refusal: One is asked for by its name, and we have not got it.
    """
    if not security.add_capabilities:
        return set()
    ours = {number for number in range(len(CAPABILITIES)) if _is_ours(number)}
    for name in security.add_capabilities:
        if name != ALL and CAPABILITIES.index(name) not in ours:
            raise Refusal(f"add capability {name}, which this node's agent has not itself", OSError(errno.EPERM, ""))
    return _numbers(security.add_capabilities) & ours


def _is_ours(number: int) -> bool:
    try:
        return kernel.prctl(kernel.PR_CAPBSET_READ, number) == 1
    except OSError:
        return False  # This kernel does not know it.


def _hand_over_output(uid: int) -> None:
    """A program of another user could write to its output, but not open it as /dev/stdout.

    Only pipes and terminals are the program's own: /dev/null is everybody's.
    """
    for descriptor in (1, 2):
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode) or os.isatty(descriptor):
            os.fchown(descriptor, uid, -1)


def _keep(mask: int) -> None:
    """Capabilities of one who is not root last over the start of a program only if they are ambient."""
    kernel.set_capabilities(mask)
    for number in range(len(CAPABILITIES)):
        if mask >> number & 1:
            kernel.prctl(kernel.PR_CAP_AMBIENT, kernel.PR_CAP_AMBIENT_RAISE, number)


def _numbers(names: tuple[str, ...]) -> set[int]:
    return {number for number, name in enumerate(CAPABILITIES) if name in names or ALL in names}


def _do(what: str, call: Callable[[], object]) -> None:
    try:
        call()
    except OSError as problem:
        raise Refusal(what, problem) from None

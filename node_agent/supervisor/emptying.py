"""The rest of a container once its first process has ended: what that left behind is killed, its group removed.

*Writes* signals, and the cgroup hierarchy. *Never* waits: it looks again a little later, and not for ever.
"""

from collections.abc import Callable

from node_agent.supervisor.loop import Loop, note, now_s
from node_agent.supervisor.tree import Trees, container_of

_FIRST_RETRY_S = 0.005
_LAST_RETRY_S = 0.25
_EMPTYING_MAX_S = 10.0


def empty(loop: Loop, trees: Trees, place: str, leader: Callable[[], int | None], done: Callable[[], None]) -> None:
    """Kills all that is left, and calls back when nothing is, or when that does not die."""
    _empty(loop, trees, place, leader, done, _FIRST_RETRY_S, now_s() + _EMPTYING_MAX_S)


def _empty(
    loop: Loop,
    trees: Trees,
    place: str,
    leader: Callable[[], int | None],
    done: Callable[[], None],
    wait_s: float,
    until_s: float,
) -> None:
    members = trees.members(place, leader())
    if not members:
        done()
    elif now_s() > until_s:
        note(f"container={container_of(place)} cannot be emptied, these processes do not die: {members}")
        done()
    else:
        trees.kill(place, leader())
        longer_s = min(wait_s * 2, _LAST_RETRY_S)
        loop.call_later(wait_s, lambda: _empty(loop, trees, place, leader, done, longer_s, until_s))


def remove_group(loop: Loop, trees: Trees, place: str, wait_s: float = _FIRST_RETRY_S) -> None:
    """Removes the empty cgroup, a little later if another parent has not reaped a process of it yet."""
    if not trees.remove(place) and wait_s < _EMPTYING_MAX_S:
        loop.call_later(wait_s, lambda: remove_group(loop, trees, place, wait_s * 2))

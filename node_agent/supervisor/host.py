"""What all lives of a machine share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from node_agent.supervisor.fd_store import FdStore
from node_agent.supervisor.loop import Loop
from node_agent.supervisor.record import Shelf
from node_agent.supervisor.tree import Trees

if TYPE_CHECKING:
    from node_agent.supervisor.life import Life


class Host(NamedTuple):
    """`open_files` and `oom_score_adj` are what programs get by default; `changed` is told of a life that did."""

    loop: Loop
    shelf: Shelf
    store: FdStore
    trees: Trees
    boot_id: str
    open_files: tuple[int, int]
    oom_score_adj: int
    changed: Callable[["Life"], None]

"""The rows of the timeline. Pure: from the lives of pods and nodes to what is shown and checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from setpoint.demo.lives import PodLife


@dataclass(frozen=True, slots=True)
class Mark:
    """One row: `seen` of `wanted` happened, the first at `first_s` and the last at `last_s` seconds since the start.

    A time before the start is negative.
    """

    what: str
    seen: int = 0
    wanted: int = 1
    first_s: float | None = None
    last_s: float | None = None

    @property
    def complete(self) -> bool:
        """Whether all that is wanted was seen."""
        return self.seen >= self.wanted

    @property
    def when(self) -> str:
        """The times for people: `+3.12 s`, or `+3.12 … +3.40 s` where several things took a while."""
        if self.first_s is None or self.last_s is None:
            return "…"
        if f"{self.first_s:.2f}" == f"{self.last_s:.2f}":
            return f"{self.last_s:+.2f} s"
        return f"{self.first_s:+.2f} … {self.last_s:+.2f} s"


def mark(what: str, at_s: Iterable[float | None], wanted: int, start_s: float) -> Mark:
    """The row of something that should happen `wanted` times, from the times at which it did (None: not yet)."""
    since = sorted(moment - start_s for moment in at_s if moment is not None)
    if not since:
        return Mark(what, wanted=wanted)
    # The timeline tells when the work was back: what happened once more than wanted does not make it later.
    since = since[:wanted] if wanted else since
    return Mark(what, len(since), wanted, since[0], since[-1])


def replacement_marks(lives: Iterable[PodLife], wanted: int, cut_s: float) -> tuple[Mark, ...]:
    """Created, bound, Running, Ready: the pods that appeared since the cut, `wanted` of each."""
    new: Sequence[PodLife] = [life for life in lives if life.created_s >= cut_s]
    return (
        mark("replacements created", (life.created_s for life in new), wanted, cut_s),
        mark("replacements bound", (life.bound_s for life in new), wanted, cut_s),
        mark("replacements Running", (life.running_s for life in new), wanted, cut_s),
        mark("replacements Ready", (life.ready_s for life in new), wanted, cut_s),
    )


def serving(lives: Iterable[PodLife]) -> list[PodLife]:
    """The pods that are Ready and stay, by name."""
    return sorted((life for life in lives if life.is_serving), key=lambda life: life.name)


def present(lives: Iterable[PodLife]) -> list[PodLife]:
    """The pods that exist in the API, whatever their state."""
    return [life for life in lives if life.gone_s is None]


def on_node(lives: Iterable[PodLife], node: str) -> list[PodLife]:
    """The pods that exist in the API and are bound to `node`."""
    return [life for life in present(lives) if life.node == node]


def fullest_node(lives: Iterable[PodLife]) -> str:
    """The node with the most serving pods; the first by name among equals."""
    counts: dict[str, int] = {}
    for life in serving(lives):
        counts[life.node] = counts.get(life.node, 0) + 1
    return min(counts, key=lambda node: (-counts[node], node))

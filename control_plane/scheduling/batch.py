"""Equal pods onto rows: the same choice as one by one, for the price of a few passes over the nodes.

One by one, each pod goes to the row that is best at that moment, and only that row's worth changes. So every row is a
queue of places with a worth each (what the first pod there is worth, the second, …), and choosing is merging the
queues by their heads. A place is reached after the ones before it in its queue, so it counts for no more than the worst
of them; with the queues so levelled, merging is sorting: one sort chooses for the whole batch.

A queue is looked at `look_ahead` places deep. If the choice reaches the end of a queue that goes on, what was chosen up
to there stands, and another round looks twice as deep from there.
"""

from __future__ import annotations

import numpy as np

from control_plane.scheduling import filters, scores
from control_plane.scheduling.needs import Needs
from control_plane.scheduling.rows import Counts, Floats, Mask, Rows
from control_plane.scheduling.scores.candidates import Candidates
from control_plane.scheduling.table import NodeTable

PLACES_MAX = 250_000
"""How many places are judged in one round: a bound on memory (some 100 bytes each)."""


def choose(needs: Needs, count: int, table: NodeTable) -> Rows:
    """The rows for up to `count` pods of `needs`, in the order in which they would be chosen one by one.

    Fewer than `count` when no more fit. The table is not changed.
    """
    rows = np.flatnonzero(_feasible(needs, table))
    room = _room(needs, count, table, rows)
    chosen: list[Rows] = []
    placed = np.zeros(len(rows), dtype=np.int64)
    left, look_ahead = count, _evenly(count, len(rows)) + 1
    while left and (placed < room).any():
        look_ahead = min(look_ahead, left, max(PLACES_MAX // len(rows), 1))
        extra = placed + np.arange(look_ahead)[:, None]
        picks = _picks(_worth(Candidates(needs, table, rows, extra)), extra, room, table.ranks[rows], left)
        chosen.append(rows[picks])
        placed += np.bincount(picks, minlength=len(rows))
        left -= len(picks)
        look_ahead *= 2
    return np.concatenate(chosen) if chosen else rows[:0]


def _feasible(needs: Needs, table: NodeTable) -> Mask:
    """The rows that could take a pod of `needs`, by all filters."""
    mask = table.present.copy()
    for filter_ in filters.ALL:
        mask &= filter_.check(needs, table)
    return mask


def _room(needs: Needs, count: int, table: NodeTable, rows: Rows) -> Counts:
    """How many pods of `needs` each of the feasible `rows` could take, of `count`."""
    room = np.full(len(rows), count, dtype=np.int64)
    if count > 1:
        for filter_ in filters.ALL:
            limit = filter_.room(needs, table, rows)
            if limit is not None:
                np.minimum(room, limit, out=room)
    return room


def _worth(candidates: Candidates) -> Floats:
    """What each place is worth: (look-ahead x rows), levelled so that no place counts for more than one before it."""
    worth = np.zeros(candidates.extra.shape)
    for weight, score in scores.ALL:
        worth += weight * score.score(candidates)
    return np.minimum.accumulate(worth, axis=0)


def _picks(worth: Floats, extra: Counts, room: Counts, ranks: Counts, count: int) -> Rows:
    """The best places in order, as columns of `worth`: at most `count`, and none beyond a queue's visible end."""
    depth, column = np.nonzero(extra < room)
    value = worth[depth, column]
    if len(value) > count:
        good = value >= np.partition(value, len(value) - count)[len(value) - count]
        depth, column, value = depth[good], column[good], value[good]
    order = np.lexsort((depth, ranks[column], -value))[:count]
    depth, column = depth[order], column[order]
    goes_on = (depth == len(extra) - 1) & (extra[-1, column] + 1 < room[column])
    end = int(goes_on.argmax()) + 1 if goes_on.any() else len(order)
    return column[:end]


def _evenly(count: int, rows: int) -> int:
    """How many pods each row gets if all get the same, rounded up."""
    return -(-count // rows) if rows else 0

"""The three-way merge of `apply`, as a JSON merge patch (RFC 7396). Pure.

Lists are replaced whole: what a manifest says of a list is all there is to say of it.
"""

from __future__ import annotations

from typing import Any


def three_way_patch(last: dict[str, Any], wanted: dict[str, Any], live: dict[str, Any]) -> dict[str, Any]:
    """The merge patch that brings `live` to `wanted`.

    What `wanted` names and `live` has differently is set; what `last` named and `wanted` does not is removed; all
    else in `live` stays.
    """
    patch: dict[str, Any] = {}
    for key, value in wanted.items():
        present = live.get(key)
        if isinstance(value, dict) and isinstance(present, dict):
            before = last.get(key)
            inner = three_way_patch(before if isinstance(before, dict) else {}, value, present)
            if inner:
                patch[key] = inner
        elif value != present:
            patch[key] = value
    for key in last:
        if key not in wanted and key in live:
            patch[key] = None
    return patch

"""What an apply did, or would do, to an object: as it is compared and shown by `plan` and `diff`.

Both go the way of `apply` itself, as a dry run: so defaults, admission and refusals are the cluster's own.

Reads: how an object was and is. Writes: nothing. Never: shows a value of a Secret.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from setpoint.cli.apply import LAST_APPLIED, Applied

Item = dict[str, Any]
_VOLATILE = ("resourceVersion", "generation", "managedFields")
MASKED = "***"


def word_for(change: Applied) -> str:
    """`created`, `changed` or `unchanged`."""
    if change.before is None:
        return "created"
    before, after = masked_pair(change.before, change.after)
    return "changed" if before != after else "unchanged"


def shown(item: Item) -> Item:
    """An object as it is compared and printed: without what every write changes, secrets masked."""
    metadata = {key: value for key, value in item["metadata"].items() if key not in _VOLATILE}
    annotations = {key: value for key, value in metadata.get("annotations", {}).items() if key != LAST_APPLIED}
    metadata.pop("annotations", None)
    if annotations:
        metadata["annotations"] = annotations
    kept = {key: value for key, value in item.items() if key != "status"}
    return _masked({**kept, "metadata": metadata})


def masked_pair(before: Item | None, after: Item) -> tuple[Item | None, Item]:
    """Both states as they are printed: of a secret's values only whether they differ is told."""
    old, new = None if before is None else shown(before), shown(after)
    if old is None or after.get("kind") != "Secret":
        return old, new
    for field in ("data", "stringData"):
        for key, value in (after.get(field) or {}).items():
            if before is not None and (before.get(field) or {}).get(key, value) != value:
                old[field][key], new[field][key] = f"{MASKED} (before)", f"{MASKED} (after)"
    return old, new


def field_changes(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """`~ spec.replicas: 3 → 5`, one line for each field; entries of lists that have names are told apart by them."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*after, *(key for key in before if key not in after)]:
            yield from _entry(before, after, key, _joined(path, str(key)))
    elif isinstance(before, list) and isinstance(after, list) and _named(before) and _named(after):
        old, new = ({item["name"]: item for item in items} for items in (before, after))
        for name in [*new, *(name for name in old if name not in new)]:
            yield from _entry(old, new, name, f"{path}[{name}]")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from field_changes(one, other, f"{path}[{index}]")
    else:
        yield f"~ {path}: {_short(before)} → {_short(after)}"


def _entry(before: Item, after: Item, key: str, path: str) -> Iterator[str]:
    if key not in before:
        yield f"+ {path}: {_short(after[key])}"
    elif key not in after:
        yield f"- {path}: {_short(before[key])}"
    else:
        yield from field_changes(before[key], after[key], path)


def _masked(item: Item) -> Item:
    if item.get("kind") != "Secret":
        return item
    hidden = {field: dict.fromkeys(item[field], MASKED) for field in ("data", "stringData") if item.get(field)}
    return {**item, **hidden}


def _named(items: list[Any]) -> bool:
    names = [item.get("name") for item in items if isinstance(item, dict)]
    return bool(items) and len(names) == len(items) == len(set(names)) and None not in names


def _joined(path: str, key: str) -> str:
    if "." in key or "/" in key:
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
    first, _, more = text.partition("\n")
    return (first if len(first) <= 100 else first[:97] + "...") + (" …" if more else "")

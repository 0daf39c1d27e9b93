"""`NO_ENTRIES`, the empty map that stands where an object has none: one for all objects.

Pydantic copies a default deeply for every object, unless it can be hashed, and most maps of most objects are empty.
*Never*: changed; nothing in a model is.
"""

from __future__ import annotations

from typing import Any, NoReturn, final


@final
class _NoEntries(dict[str, Any]):
    """A dict in all but this: it stays empty, so it can be hashed."""

    __slots__ = ()

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(_NoEntries)

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("the empty map is shared by all objects: make a new one with the entry in it")

    __setitem__ = __ior__ = setdefault = update = _refuse


NO_ENTRIES: dict[str, Any] = _NoEntries()

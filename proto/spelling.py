"""The nearest real name of a misspelt one: the "did you mean" of every message.

Reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

_SIMILARITY_MIN = 0.6
_LENGTH_MAX = 64
"""No real name is longer, and comparing long words is slow."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The name in `known` that the writer of `word` most likely meant, or None if nothing is near."""
    if len(word) > _LENGTH_MAX:
        return None
    import difflib  # Only mistakes pay for it.

    names = sorted(known)
    for name in names:
        if name.lower() == word.lower():
            return name
    by_lowered = {name.lower(): name for name in reversed(names)}
    close = difflib.get_close_matches(word.lower(), by_lowered, n=1, cutoff=_SIMILARITY_MIN)
    return by_lowered[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean "apiVersion"?`, ready to append to a message; "" if nothing is near."""
    name = nearest(word, known)
    return f', did you mean "{name}"?' if name else ""

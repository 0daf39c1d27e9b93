"""`$(VAR)` in values, commands and arguments.

`$(NAME)` becomes the variable's value; an unknown name stays as written; `$$` is one `$`, so `$$(NAME)` is the literal
`$(NAME)`. Source: Kubernetes, "Define dependent environment variables" (`third_party/forked/golang/expansion`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`text` with its references replaced; what it becomes is not expanded again."""

    def value(match: re.Match[str]) -> str:
        if match.group(1) is None:
            return "$"
        return variables.get(match.group(1), match.group(0))

    return _REFERENCE.sub(value, text) if "$" in text else text


def unknown_names(text: str, variables: Mapping[str, str]) -> tuple[str, ...]:
    """The names that `text` refers to and nobody has given a value."""
    named = (match.group(1) for match in _REFERENCE.finditer(text) if match.group(1) is not None)
    return tuple(name for name in named if name not in variables)

"""kubectl's JSONPath templates: `{.metadata.name}`, `{range .items[*]}{.metadata.name}{"\\n"}{end}`.

The paths themselves are `python-jsonpath`'s work; here is what kubectl puts around them: text between braces, literals,
`range … end`, a path without `$`, and `\\.` for a dot in a name. A path that leads nowhere prints nothing.

Reads: an object in dict form. Writes nothing. Source: Kubernetes "JSONPath Support".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from setpoint.cli.errors import CliError

_PIECE = re.compile(r"\{((?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^{}\"'])*)\}|([^{}]+)", re.S)
_DOTTED_NAME = re.compile(r"\.((?:[^.\[\]\\\s()=<>!~&|\"']|\\.)*\\\.(?:[^.\[\]\\\s()=<>!~&|\"']|\\.)*)")


@dataclass(frozen=True, slots=True)
class Range:
    """The pieces between `{range PATH}` and `{end}`."""

    path: str
    body: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """A path whose values are printed, with spaces between."""

    path: str


Piece = Range | Path | str


def parse_template(text: str) -> tuple[Piece, ...]:
    """A template, ready to be rendered. Without any brace it is one path.

    Raises:
        CliError: it is not a template, or a path in it is none.
    """
    if "{" not in text:
        text = f"{{{text}}}"
    return _block(_tokens(text), text, nested=False)


def render(pieces: tuple[Piece, ...], data: Any) -> str:
    """The text of a template for one object."""
    parts = []
    for piece in pieces:
        if isinstance(piece, str):
            parts.append(piece)
        elif isinstance(piece, Path):
            parts.append(" ".join(_text(value) for value in find(piece.path, data)))
        else:
            parts += [render(piece.body, item) for item in find(piece.path, data)]
    return "".join(parts)


def find(path: str, data: Any) -> list[Any]:
    """The values at a path, as kubectl writes it.

    Raises:
        CliError: it is not a path.
    """
    import jsonpath

    try:
        return list(jsonpath.findall(_standard(path), data))
    except jsonpath.JSONPathError as error:
        raise CliError(f'"{path}" is not a JSONPath: {" ".join(str(error).split())[:120]}') from None


def _standard(path: str) -> str:
    """A path as the standard writes it: from `$`, names with dots in brackets."""
    path = path.strip()
    if path[:1] in ("$", "@"):
        path = path[1:]
    if path and path[0] not in ".[":
        path = f".{path}"
    path = _DOTTED_NAME.sub(lambda found: "[" + json.dumps(found[1].replace("\\.", ".")) + "]", path)
    return "$" if path == "." else f"${path}"


def _tokens(text: str) -> Iterator[tuple[bool, str]]:
    """(whether it stood in braces, text) for every piece."""
    at = 0
    while at < len(text):
        found = _PIECE.match(text, at)
        if found is None:
            raise CliError(f'"{text}" is not a JSONPath template: a brace is not closed at "{text[at : at + 20]}"')
        yield (True, found[1].strip()) if found[1] is not None else (False, found[2])
        at = found.end()


def _block(tokens: Iterator[tuple[bool, str]], text: str, *, nested: bool) -> tuple[Piece, ...]:
    """The pieces up to the end, or up to the `{end}` of the `range` that is open."""
    pieces: list[Piece] = []
    for braced, token in tokens:
        if not braced:
            pieces.append(token)
        elif token == "end":
            if not nested:
                raise CliError(f'"{text}" is not a JSONPath template: {{end}} without {{range}}')
            return tuple(pieces)
        elif token.startswith("range "):
            path = token.removeprefix("range ").strip()
            find(path, {})
            pieces.append(Range(path, _block(tokens, text, nested=True)))
        elif token[:1] in ("'", '"'):
            pieces.append(_literal(token))
        else:
            find(token, {})
            pieces.append(Path(token))
    if nested:
        raise CliError(f'"{text}" is not a JSONPath template: {{range}} without {{end}}')
    return tuple(pieces)


def _literal(token: str) -> str:
    """A text in quotes of either sort, with the escapes of JSON."""
    if token[0] == "'":
        inner = token[1:-1].replace("\\'", "'").replace('"', '\\"')
        token = f'"{inner}"'
    return str(json.loads(token))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

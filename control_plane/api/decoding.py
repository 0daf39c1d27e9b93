"""Bytes to plain values: JSON and msgpack, without all that the store could not keep or that would cost too much.

A plain value is what JSON has: mappings with text keys, lists, texts that are Unicode, whole numbers of 64 bits, finite
numbers, true, false and null.

Reads: bytes that anyone may have sent. Writes nothing.
"""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterable
from typing import Any

import msgpack

from control_plane.store.port import OBJECT_BYTES_MAX
from proto.errors import BadRequest, RequestTooLarge
from proto.schema import shown

REQUEST_BYTES_MAX = OBJECT_BYTES_MAX * 3 // 2
"""JSON is a little longer than what is stored of it; a request beyond this is not even read."""

DEPTH_MAX = 60
_NUMBER_TOO_LARGE = "the request body holds a whole number of more than 64 bits"


def check_size(data: bytes) -> None:
    """Refuse what is too large before anything is spent on it.

    Raises:
        RequestTooLarge: always with both numbers.
    """
    if len(data) > REQUEST_BYTES_MAX:
        raise RequestTooLarge(
            f"the request has {len(data)} bytes, the limit is {REQUEST_BYTES_MAX} "
            f"(an object may have {OBJECT_BYTES_MAX})"
        )


def decode_json(data: bytes) -> Any:
    """A plain value from JSON; None for an empty body.

    Raises:
        BadRequest: not UTF-8, not JSON, a key twice, or a value that cannot be kept.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data.strip():
        return None
    try:
        value = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        where = f"byte 0x{data[error.start]:02x} at position {error.start}"
        raise BadRequest(f"the request body is not valid UTF-8: {where}") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise BadRequest(f"the request body is not valid JSON: {error.msg} at {where}") from None
    except RecursionError:
        raise BadRequest("the request body is nested too deeply") from None
    except ValueError:  # Python reads no number of more than 4,300 digits.
        raise BadRequest(_NUMBER_TOO_LARGE) from None
    check_plain(value)
    return value


def decode_msgpack(data: bytes) -> Any:
    """A plain value from msgpack; None for an empty body.

    Raises:
        BadRequest: not msgpack, cut short, or a value that JSON does not have.
    """
    if not data:
        return None
    try:
        value = msgpack.unpackb(data, strict_map_key=False, object_pairs_hook=_unique)
    except msgpack.ExtraData:
        raise BadRequest("the request body is not valid msgpack: there is more behind its end") from None
    except UnicodeDecodeError:
        raise BadRequest("the request body is not valid msgpack: a text in it is not UTF-8") from None
    except msgpack.StackError:
        raise BadRequest("the request body is nested too deeply") from None
    except (msgpack.UnpackException, ValueError, TypeError) as error:
        problem = "it is cut short" if "incomplete" in str(error) else str(error) or "it has an unknown form"
        raise BadRequest(f"the request body is not valid msgpack: {problem}") from None
    check_plain(value)
    return value


def _unique(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """A mapping of `pairs`; a key given twice is a mistake that must not be decided silently."""
    pairs = list(pairs)
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        seen: set[Any] = set()
        for key, _ in pairs:
            if key in seen:
                raise BadRequest(f"the request body has the key {shown(key)} twice")
            seen.add(key)
    return mapping


def _refuse_constant(name: str) -> Any:
    raise BadRequest(f"the request body is not valid JSON: {name} is not a number in JSON")


def check_plain(value: Any, depth: int = 1) -> None:
    """Refuse values that JSON does not have, and nesting that no object has.

    Raises:
        BadRequest: naming the first one found.
    """
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict | list):
        if depth > DEPTH_MAX:
            raise BadRequest(f"the request body is nested more than {DEPTH_MAX} levels deep")
        _check_contents(value, depth)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise BadRequest("the request body holds a number that is not finite")
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise BadRequest(_NUMBER_TOO_LARGE)
    elif value is not None:
        raise BadRequest(f"the request body holds a value of type {type(value).__name__}, which JSON does not have")


def _check_contents(value: dict[Any, Any] | list[Any], depth: int) -> None:
    if isinstance(value, list):
        for item in value:
            check_plain(item, depth + 1)
        return
    for key, item in value.items():
        if not isinstance(key, str):
            raise BadRequest(f"the request body has a key that is not a string: {key!r:.40}")
        _check_text(key)
        check_plain(item, depth + 1)


def _check_text(text: str) -> None:
    """Python can hold half of a surrogate pair (`"\\ud800"`), UTF-8 cannot."""
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadRequest("the request body is not valid Unicode: it holds half of a surrogate pair") from None

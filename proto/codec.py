"""Objects to dicts and back, and dicts to msgpack (on the bus) and JSON (for people).

`metadata.resourceVersion` is the store's to give: it is left out of what is stored and put in when read back.

Never here: YAML (see `proto.manifests`) and the strict reading of a person's input (see `proto.schema`).
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgpack
from pydantic import ValidationError

from proto import catalog
from proto.objects.meta import Model, Object, camel
from proto.spelling import did_you_mean

M = TypeVar("M", bound=Model)


def to_dict(model: Model) -> dict[str, Any]:
    """The wire form as a dict: camelCase, without unset and empty fields, timestamps as text."""
    return model.model_dump(by_alias=True, exclude_none=True)


def from_dict(raw: dict[str, Any]) -> Object:
    """The object that `raw` describes, by its `apiVersion` and `kind`.

    Raises:
        KeyError: no such kind.
        pydantic.ValidationError: a value does not fit its field.
    """
    kind = catalog.by_gvk(raw.get("apiVersion", ""), raw.get("kind", ""))
    if kind is None:
        raise KeyError(f"{raw.get('apiVersion')}/{raw.get('kind')}")
    return kind.model.model_validate(raw)


def pack_raw(raw: Any) -> bytes:
    """Any plain value as msgpack."""
    return bytes(msgpack.packb(raw))


def unpack_raw(data: bytes) -> Any:
    """A plain value from msgpack.

    Raises:
        ValueError: not msgpack, cut short, or with bytes after the end.
    """
    try:
        return msgpack.unpackb(data, strict_map_key=True)
    except (msgpack.UnpackException, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise ValueError(f"not a whole msgpack value: {error or type(error).__name__}") from None


def pack(model: Model) -> bytes:
    """A model as msgpack: the form on the bus."""
    return pack_raw(to_dict(model))


def unpack(data: bytes, model: type[M]) -> M:
    """A model of a known type from msgpack."""
    return model.model_validate(unpack_raw(data))


def is_json(data: bytes) -> bool:
    """Whether a request to a node is a JSON object, from people with nothing but a NATS client; else it is msgpack."""
    return data.lstrip().startswith(b"{")


def unpack_apart(data: bytes, model: type[M], field: str) -> tuple[M, list[Any]]:
    """A model without what is in one of its lists, and that as plain values, to be read one after the other.

    Models take many times the memory of the message that they come from; so of a long list there is one at a time.

    Raises:
        ValueError: not such a model.
    """
    raw = unpack_raw(data)
    parts = raw.pop(field, []) if isinstance(raw, dict) else []
    if not isinstance(parts, list):
        raise ValueError(f"{model.__name__}.{field} must be a list, found {parts!r:.40}")
    return model.model_validate(raw), parts


def read_request(data: bytes, model: type[M]) -> M:
    """A request to a node, from msgpack or from a JSON object, in which a person may have misspelt a field.

    Raises:
        ValueError: it is neither, or a value does not fit its field; says which, and what was found.
    """
    try:
        if not is_json(data):
            return unpack(data, model)
        request = model.model_validate_json(data)
        known = [camel(name) for name in model.model_fields]
        for name in json.loads(data):
            if name not in known:
                raise ValueError(f'unknown field "{name}"{did_you_mean(name, known)}')
        return request
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(map(str, problem["loc"]))
        found = "" if problem["type"] == "missing" else f", found {problem['input']!r:.80}"
        raise ValueError(f"{where + ': ' if where else ''}{problem['msg']}{found}") from None


def pack_stored(obj: Object) -> bytes:
    """An object as the store keeps it: msgpack without its resourceVersion."""
    raw = to_dict(obj)
    raw["metadata"].pop("resourceVersion", None)
    return pack_raw(raw)


def unpack_stored(data: bytes, revision: int) -> Object:
    """An object from the store, with the revision it was stored at."""
    raw = unpack_raw(data)
    raw["metadata"]["resourceVersion"] = str(revision)
    return from_dict(raw)


def to_json(model: Model) -> bytes:
    """A model as compact JSON."""
    return dump_json(to_dict(model))


def dump_json(raw: Any) -> bytes:
    """A plain value as compact JSON in UTF-8."""
    return json.dumps(raw, ensure_ascii=False, separators=(",", ":")).encode()

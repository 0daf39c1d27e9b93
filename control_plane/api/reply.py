"""Answers: an object, a list or a refusal, as JSON, msgpack or a Table.

Objects are written by pydantic's own serialiser straight from the shared, frozen models; nothing is copied.

Reads: objects. Writes: bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgpack

from control_plane.api.request import JSON, MSGPACK, TABLE
from proto import codec
from proto.catalog import Kind
from proto.clock import Instant
from proto.errors import ApiError, RequestTooLarge
from proto.objects.meta import Object
from proto.printing import row, table

IN_A_ROW_MAX = 128
FRAME_BYTES = 4096
"""Kept free in every message for what surrounds the items and for headers."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back."""

    data: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler found or did: an object, a plain value such as a Status, or else a list of encoded `parts`."""

    kind: Kind
    object: Object | None = None
    parts: Sequence[bytes] = ()
    list_metadata: Mapping[str, Any] = field(default_factory=dict)
    plain: Mapping[str, Any] | None = None
    warnings: tuple[str, ...] = ()


def success(kind: Kind, obj: Object, code: int = 200) -> dict[str, Any]:
    """The Status that says that it is done."""
    details = {"name": obj.metadata.name, "group": kind.group, "kind": kind.resource, "uid": obj.metadata.uid}
    return {
        "apiVersion": "v1",
        "kind": "Status",
        "metadata": {},
        "status": "Success",
        "code": code,
        "details": {name: value for name, value in details.items() if value},
    }


def encode(answer: Answer, accept: str, now: Instant, bytes_max: int) -> Reply:
    """The answer in the form that was asked for.

    Raises:
        RequestTooLarge: it does not fit into a message of `bytes_max`.
    """
    data = _body(answer, accept, now)
    if len(data) > bytes_max:
        raise RequestTooLarge(
            f"the answer has {len(data)} bytes, the bus takes at most {bytes_max}: "
            "ask for msgpack, or raise max_payload of the NATS server"
        )
    headers = {"Content-Type": MSGPACK if accept == MSGPACK else JSON}
    if answer.warnings:
        headers["Sp-Warning"] = "\n".join(_header_text(warning) for warning in answer.warnings)
    return Reply(data, headers)


def encode_error(error: ApiError, accept: str) -> Reply:
    """A refusal as a Status."""
    status = error.to_status()
    if accept == MSGPACK:
        return Reply(codec.pack_raw(status), {"Content-Type": MSGPACK})
    return Reply(codec.dump_json(status), {"Content-Type": JSON})


def encode_item(obj: Object, accept: str) -> bytes:
    """One object, as it stands in a list or an event."""
    return codec.pack(obj) if accept == MSGPACK else obj.model_dump_json(by_alias=True, exclude_none=True).encode()


async def encode_parts(items: Iterable[Object], kind: Kind, accept: str, now: Instant, bytes_max: int) -> list[bytes]:
    """The first of `items` that fit into `bytes_max`, each encoded; at least one, so that a list always goes on.

    `items` must be a snapshot: others get their turn in between, so that a long list holds up nobody.
    """
    parts: list[bytes] = []
    size = 0
    for item in items:
        part = codec.dump_json(row(kind, item, now, True)) if accept == TABLE else encode_item(item, accept)
        size += len(part) + 1
        if size > bytes_max and parts:
            break
        parts.append(part)
        if len(parts) % IN_A_ROW_MAX == 0:
            await asyncio.sleep(0)
    return parts


def _body(answer: Answer, accept: str, now: Instant) -> bytes:
    if answer.plain is not None:
        return codec.pack_raw(answer.plain) if accept == MSGPACK else codec.dump_json(answer.plain)
    if answer.object is not None:
        if accept == TABLE and answer.kind.kind == answer.object.KIND:
            return codec.dump_json(table(answer.kind, [answer.object], now, True))
        return encode_item(answer.object, accept)
    if accept == TABLE:
        head = {**table(answer.kind, [], now, True), "metadata": dict(answer.list_metadata)}
        del head["rows"]
        return _json_list(head, "rows", answer.parts)
    head = {
        "apiVersion": answer.kind.api_version,
        "kind": f"{answer.kind.kind}List",
        "metadata": dict(answer.list_metadata),
    }
    return _packed_list(head, answer.parts) if accept == MSGPACK else _json_list(head, "items", answer.parts)


def _json_list(head: Mapping[str, Any], name: str, parts: Sequence[bytes]) -> bytes:
    """`head` as JSON with one more field: the list of `parts`, which are JSON already."""
    return codec.dump_json(head)[:-1] + f',"{name}":['.encode() + b",".join(parts) + b"]}"


def _packed_list(head: Mapping[str, Any], parts: Sequence[bytes]) -> bytes:
    """The same as msgpack."""
    packer = msgpack.Packer(autoreset=False)
    packer.pack_map_header(len(head) + 1)
    for name, value in head.items():
        packer.pack(name)
        packer.pack(value)
    packer.pack("items")
    packer.pack_array_header(len(parts))
    return bytes(packer.bytes()) + b"".join(parts)


def _header_text(text: str) -> str:
    """A warning as a header's value, which is one line; warnings are told apart by the line breaks between them."""
    return " ".join(text.split())

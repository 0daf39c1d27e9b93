"""One call of `grpc.health.v1.Health/Check`, as the kubelet makes it: in plain text, one connection a call.

HTTP/2 is h2's; the two messages of the call have one field each and are written and read here, so nothing else of gRPC
is needed. Imported when the first probe of this kind looks, since it costs the agent a megabyte and a half of memory.

Source: Kubernetes `pkg/probe/grpc`; the gRPC health checking protocol, "gRPC over HTTP2".
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from urllib.parse import unquote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError

_READ_BYTES = 16 * 1024
_ANSWER_BYTES_MAX = 64 * 1024
_STATUSES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_CODES = (
    "OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists",
    "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented",
    "Internal", "Unavailable", "DataLoss", "Unauthenticated",
)  # fmt: skip
_UNIMPLEMENTED = "Unimplemented"


class CheckFailed(Exception):
    """The program does not say that it serves; the message says what it does, in the kubelet's words."""


@dataclass(slots=True)
class _Answer:
    """What has come back so far. Names of headers are in lower case; those of the trailer count more."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False
    broken: str = ""


async def check(host: str, port: int, service: str) -> None:
    """Ask whether a service is well; "" asks for the program as a whole.

    Raises:
        CheckFailed: it is not, or does not speak this protocol.
        OSError: no connection.
    """
    reader, writer = await asyncio.open_connection(host, port)
    try:
        answer = await _call(reader, writer, f"{host}:{port}", service)
    except (OSError, ProtocolError) as problem:
        raise CheckFailed(f"error: health rpc probe failed: {problem or type(problem).__name__}") from None
    finally:
        writer.transport.abort()
    _judge(answer)


async def _call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, authority: str, service: str) -> _Answer:
    talk = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
    talk.initiate_connection()
    talk.send_headers(1, _headers(authority))
    talk.send_data(1, _framed(_request(service)), end_stream=True)
    answer = _Answer()
    while not answer.ended:
        writer.write(talk.data_to_send())
        received = await reader.read(_READ_BYTES)
        if not received:
            answer.broken, answer.ended = answer.broken or "the connection was closed before an answer came", True
            continue
        for event in talk.receive_data(received):
            _take(answer, event, talk)
    return answer


def _take(answer: _Answer, event: object, talk: H2Connection) -> None:
    match event:
        case ResponseReceived() | TrailersReceived():
            answer.headers.update((str(name), str(value)) for name, value in event.headers or ())
        case DataReceived():
            answer.body += event.data or b""
            if len(answer.body) > _ANSWER_BYTES_MAX:
                answer.broken, answer.ended = "the answer is too long", True
            elif event.flow_controlled_length:
                talk.acknowledge_received_data(event.flow_controlled_length, 1)
        case StreamReset() | ConnectionTerminated():
            answer.broken, answer.ended = f"the call was ended with error code {event.error_code}", True
        case StreamEnded():
            answer.ended = True


def _judge(answer: _Answer) -> None:
    headers = answer.headers
    code = headers.get("grpc-status", "")
    if not code and (answer.broken or not headers):
        raise CheckFailed(f"error: health rpc probe failed: {answer.broken or 'no answer'}")
    if not code:
        words = f"unexpected HTTP status code received from server: {headers.get(':status', '')}"
        raise CheckFailed(f"error: health rpc probe failed: {words}")
    told = unquote(headers.get("grpc-message", ""))
    if code != "0":
        name = _CODES[int(code)] if code.isdecimal() and int(code) < len(_CODES) else f"Code({code})"
        if name == _UNIMPLEMENTED:
            what = "this server does not implement the grpc health protocol (grpc.health.v1.Health)"
            raise CheckFailed(f"error: {what}: {told}")
        raise CheckFailed(f"error: health rpc probe failed: rpc error: code = {name} desc = {told}")
    status = _status(bytes(answer.body))
    if status != "SERVING":
        raise CheckFailed(f'service unhealthy (responded with "{status}")')


def _headers(authority: str) -> list[tuple[str, str]]:
    return [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/grpc.health.v1.Health/Check"),
        (":authority", authority),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("user-agent", "setpoint-probe/1"),
    ]


def _request(service: str) -> bytes:
    """`HealthCheckRequest{service}`: field 1, a text."""
    name = service.encode()
    return b"\x0a" + _varint(len(name)) + name if name else b""


def _framed(message: bytes) -> bytes:
    """A message as gRPC sends it: not compressed, its length before it."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def _status(body: bytes) -> str:
    """`HealthCheckResponse{status}`: field 1, a number; one that is left out is 0."""
    message = body[5 : 5 + int.from_bytes(body[1:5], "big")]
    if body[:1] == b"\0" and message[:1] in (b"", b"\x08") and len(message) in (0, 2):
        number = message[1] if message else 0
        return _STATUSES[number] if number < len(_STATUSES) else str(number)
    raise CheckFailed("error: health rpc probe failed: the answer is no HealthCheckResponse")


def _varint(number: int) -> bytes:
    """A whole number as protobuf writes it: seven bits a byte, the lowest first."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*written, number))

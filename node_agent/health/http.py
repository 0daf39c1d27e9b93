"""A GET request as the kubelet sends it: one connection a request, redirects followed, certificates not verified.

The protocol is h11's, the connection is asyncio's. At most 10 KiB of a body are read, since only its beginning is ever
shown. Source: Kubernetes `pkg/probe/http`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import quote, urljoin, urlsplit

import h11

from node_agent.health.tcp import NO_SUCH_HOST, dial_problem

BODY_BYTES_MAX = 10 * 1024
REDIRECTS_MAX = 10
_READ_BYTES = 16 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `left_host` is the URL of a redirect that leads to another host, which is not followed."""

    status: int
    body: str = ""
    left_host: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """Whom to ask, and how; `headers` replace those that are sent anyway."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


class RequestFailed(Exception):
    """No answer came; the message says why, in Kubernetes' (Go's) words."""


async def get(address: Address) -> Answer:
    """Ask, and follow redirects within the host.

    Raises:
        RequestFailed: no connection, or an answer that is none.
    """
    url = address.url
    for _ in range(REDIRECTS_MAX):
        status, location, body = await _ask(url, address.headers)
        if status not in _REDIRECTS or not location:
            return Answer(status, body)
        try:
            target = urljoin(url, location)
            leaves = urlsplit(target).hostname != urlsplit(address.url).hostname
        except ValueError as error:
            raise RequestFailed(f'Get "{url}": failed to parse Location header "{location}": {error}') from None
        if leaves:
            return Answer(status, body, left_host=target)
        url = target
    raise RequestFailed(f'Get "{url}": stopped after {REDIRECTS_MAX} redirects')


async def _ask(url: str, headers: Mapping[str, str]) -> tuple[int, str, str]:
    """One request; the status, where it redirects to, and the beginning of the body."""
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme]
    except (KeyError, ValueError):
        raise RequestFailed(f'Get "{url}": unsupported protocol scheme or port') from None
    try:
        tls = _unverified() if parts.scheme == "https" else None
        reader, writer = await asyncio.open_connection(host, port, ssl=tls)
    except UnicodeError:
        raise RequestFailed(f'Get "{url}": dial tcp: lookup {host}: {NO_SUCH_HOST}') from None
    except ssl.SSLError as error:
        raise RequestFailed(f'Get "{url}": tls: {error.reason or error}') from None
    except OSError as error:
        raise RequestFailed(f'Get "{url}": {dial_problem(host, port, error)}') from None
    try:
        target = _quoted(parts.path or "/") + (f"?{_quoted(parts.query)}" if parts.query else "")
        return await _converse(reader, writer, target, _headers(parts.netloc, headers))
    except (OSError, EOFError) as error:
        words = str(error) or "EOF"
        raise RequestFailed(f'Get "{url}": {words}') from None
    except h11.ProtocolError as error:
        raise RequestFailed(f'Get "{url}": malformed HTTP response: {error}') from None
    finally:
        writer.transport.abort()


async def _converse(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str, headers: Iterable[tuple[bytes, bytes]]
) -> tuple[int, str, str]:
    talk = h11.Connection(h11.CLIENT)
    request = h11.Request(method="GET", target=target, headers=list(headers))
    writer.write((talk.send(request) or b"") + (talk.send(h11.EndOfMessage()) or b""))
    status, location, body = 0, "", bytearray()
    while len(body) < BODY_BYTES_MAX:
        event = talk.next_event()
        if event is h11.NEED_DATA:
            received = await reader.read(_READ_BYTES)
            if not received and not status:
                raise EOFError
            talk.receive_data(received)
        elif isinstance(event, h11.Response):
            status = event.status_code
            location = next((value.decode("latin-1") for name, value in event.headers if name == b"location"), "")
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            break
    return status, location, body[:BODY_BYTES_MAX].decode("utf-8", "replace")


def _quoted(text: str) -> str:
    """A part of a URL as it is sent: what is quoted already stays so."""
    return quote(text, safe="!#$%&'()*+,/:;=?@[]~")


def _headers(netloc: str, more: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """The headers to send; an empty value takes one of ours away (Kubernetes)."""
    ours = {"host": netloc, "user-agent": "setpoint-probe/1", "accept": "*/*", "connection": "close"}
    ours |= {name.lower(): value for name, value in more.items()}
    return [(name.encode(), value.strip().encode()) for name, value in ours.items() if value or name == "host"]


@cache
def _unverified() -> ssl.SSLContext:
    """TLS that believes any certificate: the question is whether the program answers, not who it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context

"""Asks a NATS server over a plain socket whether its JetStream answers.

A server accepts connections before its streams are restored, and the client library belongs to the bus alone, so the
few lines of the text protocol that the question needs are spoken here
(https://docs.nats.io/reference/reference-protocols/nats-protocol).

Reads: INFO and one reply. Writes: one request to `$JS.API.INFO`. Never: keeps a connection.
"""

from __future__ import annotations

import asyncio
import json

_QUESTION = (
    b'CONNECT {"verbose":false,"name":"setpoint-probe"}\r\n'
    b"SUB _INBOX.probe 1\r\n"
    b"PUB $JS.API.INFO _INBOX.probe 0\r\n\r\n"
)


async def jetstream_answers(host: str, port: int, within_s: float = 1.0) -> bool:
    """Whether the JetStream of the server at `host:port` answers within `within_s` seconds."""
    try:
        async with asyncio.timeout(within_s):
            return await _ask(host, port)
    except (OSError, TimeoutError, ValueError):
        return False


async def _ask(host: str, port: int) -> bool:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        info = await reader.readline()
        if not json.loads(info.removeprefix(b"INFO ")).get("jetstream"):
            return False
        writer.write(_QUESTION)
        while line := await reader.readline():
            if line.startswith(b"MSG "):
                reply = json.loads(await reader.readline())
                return "error" not in reply
        return False
    finally:
        writer.close()

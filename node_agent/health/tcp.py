"""Whether a TCP connection opens. No stream is made for it: a socket, a connect, and it is closed again."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
from typing import Any

NO_SUCH_HOST = "no such host"


async def dial(host: str, port: int) -> None:
    """Open a connection and close it.

    Raises:
        OSError: it does not open; `dial_problem` words it.
    """
    family, address = await _address(host, port)
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as connection:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, address)


def dial_problem(host: str, port: int, error: OSError) -> str:
    """Why a connection did not open, in the words of Kubernetes (Go): `dial tcp 127.0.0.1:80: connect: …`."""
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if isinstance(error, socket.gaierror):
        return f"dial tcp: lookup {host}: {error.strerror}"
    reason = os.strerror(error.errno).lower() if error.errno else str(error) or "the connection was closed"
    return f"dial tcp {where}: connect: {reason}"


async def _address(host: str, port: int) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    """The address to connect to; only a name has to be looked up."""
    with contextlib.suppress(ValueError):
        literal = ipaddress.ip_address(host)
        return (socket.AF_INET6, (host, port, 0, 0)) if literal.version == 6 else (socket.AF_INET, (host, port))
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # No name of a host, so nobody is asked for it.
        raise socket.gaierror(socket.EAI_NONAME, NO_SUCH_HOST) from None
    family, _, _, _, address = found[0]
    return family, address

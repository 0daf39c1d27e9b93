"""What the API says, checked against the world: HTTP answers of pods, and the processes of machines.

Reads: sockets of pods, `/proc`. Writes: nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from proto.clock import Clock
from proto.objects.pod import Pod
from setpoint.demo.lives import PodLife
from setpoint.local.machines import Machine

_REQUEST_S_MAX = 2.0
_RETRY_S = 0.1
_POD_VARIABLE = b"POD_NAME="


def http_address(pod: Pod) -> tuple[str, int] | None:
    """Where the pod's first port answers: its machine's address, and the port that the agent gave it."""
    for status in pod.status.container_statuses:
        for port in status.ports:
            if pod.status.pod_ip and port.container_port:
                return pod.status.pod_ip, port.container_port
    return None


async def fetch(address: tuple[str, int]) -> str:
    """The body of `GET /`.

    Raises:
        OSError: nobody answers (also as TimeoutError), or not with 200.
    """
    async with asyncio.timeout(_REQUEST_S_MAX):
        reader, writer = await asyncio.open_connection(*address)
        try:
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
    status = head.split(b" ", 2)[1:2]
    if status != [b"200"]:
        raise OSError(f"answered {head.splitlines()[:1]}")
    return body.decode(errors="replace")


async def silent_pods(lives: Sequence[PodLife], clock: Clock, *, within_s: float) -> tuple[str, ...]:
    """Ask every pod over HTTP who it is, again until `within_s`; the names of those that never said the right name.

    A pod is Ready when its program runs, which is a moment before the program listens.
    """
    mute = sorted(life.name for life in lives if not any(c.ports for c in life.pod.spec.containers))
    if mute:
        return tuple(mute)  # They declare no port: nothing is worth waiting for.
    deadline_s = clock.monotonic_s() + within_s
    silent = {life.name: http_address(life.pod) for life in lives}
    while silent:
        answered = await asyncio.gather(*(_is_answered_by(name, address) for name, address in silent.items()))
        silent = {name: silent[name] for name, ok in zip(list(silent), answered, strict=True) if not ok}
        if clock.monotonic_s() >= deadline_s:
            break
        if silent:
            await clock.sleep(_RETRY_S)
    return tuple(sorted(silent))


async def _is_answered_by(name: str, address: tuple[str, int] | None) -> bool:
    if address is None:
        return False
    try:
        return (await fetch(address)).startswith(f"{name} ")
    except OSError:
        return False


async def pods_with_processes(machine: Machine) -> list[str]:
    """The pods that have processes on a machine, one entry a process, by the POD_NAME in their environment."""
    found = (_pod_of(pid) for pid in await machine.processes())
    return sorted(name for name in found if name)


def _pod_of(pid: int) -> str:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""  # It ended while we looked.
    return next((v.removeprefix(_POD_VARIABLE).decode() for v in variables if v.startswith(_POD_VARIABLE)), "")

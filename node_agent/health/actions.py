"""One look at a container, or one hook: what a handler says is done, and how it went is told.

A look is bounded by its probe's timeout, a hook by whoever asked for it. Messages are the kubelet's.

Reads: targets, handlers. Writes: nothing but what the program under test makes of being asked.
Never: decides what follows from a look.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from node_agent.containers.operations import Operations
from node_agent.health.tcp import dial, dial_problem
from node_agent.plan.expansion import expand
from node_agent.plan.ports import port_number
from node_agent.plan.probes import Look
from node_agent.plan.view import Target
from node_agent.runtime.abilities import Executed
from node_agent.runtime.port import RuntimeFailure, StartFailed
from node_agent.storage.port import StorageFailure
from proto.clock import Clock
from proto.objects.health import ExecAction, GRPCAction, HTTPGetAction, LifecycleHandler, Probe, TCPSocketAction

if TYPE_CHECKING:
    from node_agent.health.http import Answer

log = logging.getLogger(__name__)

LOCAL = "127.0.0.1"
"""Pods share their machine's network, so that is where their programs listen."""

SUCCESS = Look("success")


class Actions:
    """Performs what handlers of probes and hooks say."""

    def __init__(self, operations: Operations, clock: Clock) -> None:
        self._operations = operations
        self._clock = clock

    async def look(self, target: Target, probe: Probe) -> Look:
        """One look at a container; it takes no longer than the probe's timeout."""
        try:
            return await self._look(target, probe)
        except Exception as fault:
            return Look("unknown", _of_ours(target, fault))

    async def hook(self, target: Target, handler: LifecycleHandler) -> str:
        """Do what a hook says, for as long as it takes; what went wrong, or ""."""
        try:
            return await self._hook(target, handler)
        except Exception as fault:
            return _of_ours(target, fault)

    async def _look(self, target: Target, probe: Probe) -> Look:
        timeout_s = float(probe.timeout_seconds)
        if probe.exec_ is not None:
            return await self._command(target, _expanded(target, probe.exec_), timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                if probe.http_get is not None:
                    return await _request(target, probe.http_get)
                if probe.tcp_socket is not None:
                    return await _connect(target, probe.tcp_socket)
                if probe.grpc is not None:
                    return await _call(target, probe.grpc)
        except TimeoutError:
            return Look("failure", _out_of_time(target, probe))
        return SUCCESS

    async def _hook(self, target: Target, handler: LifecycleHandler) -> str:
        if handler.sleep is not None:
            await self._clock.sleep(float(handler.sleep.seconds))
        elif handler.exec_ is not None:
            look = await self._command(target, tuple(handler.exec_.command), None)
            if look.verdict != "success":
                return f"Exec lifecycle hook ({list(handler.exec_.command)}) {_failed(target, look)}"
        elif handler.http_get is not None:
            look = await _request(target, handler.http_get)
            if look.verdict != "success":
                return f"HTTP lifecycle hook ({handler.http_get.path or '/'}) {_failed(target, look)}"
        return ""

    async def _command(self, target: Target, argv: tuple[str, ...], timeout_s: float | None) -> Look:
        assert target.surroundings is not None, "a target with a command has what that is given"
        try:
            ended = await self._operations.execute(target.id, argv, target.surroundings, timeout_s)
        except StartFailed as failure:
            return Look("failure", str(failure))
        except (RuntimeFailure, StorageFailure) as problem:
            return Look("unknown", str(problem))
        return _ending(argv, ended, timeout_s)


def _expanded(target: Target, action: ExecAction) -> tuple[str, ...]:
    """A probe's command, with `$(NAME)` of the variables that the container names itself (Kubernetes: not in hooks)."""
    assert target.surroundings is not None, "a target with a command has what that is given"
    env = target.surroundings.env
    named = {each.name: env[each.name] for each in target.container.env if each.name in env}
    return tuple(expand(word, named) for word in action.command)


def _of_ours(target: Target, fault: Exception) -> str:
    """A fault of ours says nothing about the program, and must cost no other pod of the node anything."""
    log.exception("probe_or_hook_failed pod=%s/%s container=%s", *target.pod.key, target.id)
    return f"{type(fault).__name__}: {fault}"


def _ending(argv: tuple[str, ...], ended: Executed, timeout_s: float | None) -> Look:
    output = ended.output.decode("utf-8", "replace").strip()
    if ended.timed_out:
        return Look("failure", f'command timed out: "{" ".join(argv)}" timed out after {timeout_s:g}s')
    if ended.exit_code:
        return Look("failure", output or f'command "{" ".join(argv)}" exited with {ended.exit_code}')
    return SUCCESS


async def _request(target: Target, action: HTTPGetAction) -> Look:
    from node_agent.health.http import Address, RequestFailed, get  # Its memory is for agents that need it.

    port = port_number(action.port, target.ports)
    if port is None:
        return _no_port(action.port)
    url = _url(action, port)
    try:
        answer = await get(Address(url, {header.name: header.value for header in action.http_headers}))
    except RequestFailed as failure:
        return Look("failure", str(failure))
    return _judge(answer)


def _judge(answer: Answer) -> Look:
    if answer.left_host:
        words = f"Probe terminated redirects, Response body: {answer.body}"
        return Look("success", words, warning=True)
    if 200 <= answer.status < 400:
        return SUCCESS
    return Look("failure", f"HTTP probe failed with statuscode: {answer.status}")


async def _connect(target: Target, action: TCPSocketAction) -> Look:
    port, host = port_number(action.port, target.ports), action.host or LOCAL
    if port is None:
        return _no_port(action.port)
    try:
        await dial(host, port)
    except OSError as error:
        return Look("failure", dial_problem(host, port, error))
    return SUCCESS


async def _call(target: Target, action: GRPCAction) -> Look:
    from node_agent.health.grpc import CheckFailed, check  # Its memory is for agents that need it.

    port = port_number(action.port, target.ports)
    if port is None:
        return _no_port(action.port)
    try:
        await check(LOCAL, port, action.service)
    except CheckFailed as failure:
        return Look("failure", str(failure))
    except OSError as error:
        return Look("failure", f'error: failed to connect service "{LOCAL}:{port}": {dial_problem(LOCAL, port, error)}')
    return SUCCESS


def _no_port(reference: int | str) -> Look:
    return Look("unknown", f"couldn't find port: {reference!r}")


def _url(action: HTTPGetAction, port: int) -> str:
    host = action.host or LOCAL
    where = f"[{host}]" if ":" in host else host
    path = action.path if action.path.startswith("/") else f"/{action.path}"
    return f"{action.scheme.lower()}://{where}:{port}{path}"


def _out_of_time(target: Target, probe: Probe) -> str:
    """What the kubelet (Go) says of an answer that did not come in time."""
    if probe.http_get is not None:
        port = port_number(probe.http_get.port, target.ports) or 0
        words = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        return f'Get "{_url(probe.http_get, port)}": {words}'
    if probe.grpc is not None:
        return f"timeout: health rpc did not complete within {probe.timeout_seconds}s"
    assert probe.tcp_socket is not None
    where = f"{probe.tcp_socket.host or LOCAL}:{port_number(probe.tcp_socket.port, target.ports) or 0}"
    return f"dial tcp {where}: i/o timeout"


def _failed(target: Target, look: Look) -> str:
    meta = target.pod.metadata
    where = f'for Container "{target.container.name}" in Pod "{meta.name}_{meta.namespace}({meta.uid})"'
    return f"{where} failed - error: {look.message}"

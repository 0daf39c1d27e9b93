"""What probes and hooks must be.

Source: Kubernetes `pkg/apis/core/validation/validation.go` (validateProbe, validateHandler, validateLifecycle).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from control_plane.api.validation.problems import Problems
from proto import names
from proto.objects.container import Container
from proto.objects.health import (
    ExecAction,
    GRPCAction,
    HTTPGetAction,
    Lifecycle,
    LifecycleHandler,
    PodReadinessGate,
    Probe,
    SleepAction,
    TCPSocketAction,
)
from proto.signals import signal_number

_HEADER = re.compile(r"[-A-Za-z0-9]+")
_HEADER_WORDS = (
    "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for "
    "validation is '[-A-Za-z0-9]+')"
)
_ONE_HANDLER = "may not specify more than 1 handler type"
_PORT_MAX = 65535


def check_health(container: Container, path: str, grace_s: int, problems: Problems) -> None:
    """A container's probes and hooks; `grace_s` is the pod's termination grace."""
    check_probe(container.liveness_probe, f"{path}.livenessProbe", problems, only_once=True)
    check_probe(container.startup_probe, f"{path}.startupProbe", problems, only_once=True)
    check_probe(container.readiness_probe, f"{path}.readinessProbe", problems)
    readiness = container.readiness_probe
    if readiness is not None and readiness.termination_grace_period_seconds is not None:
        problems.invalid(
            f"{path}.readinessProbe.terminationGracePeriodSeconds",
            readiness.termination_grace_period_seconds,
            "must not be set for readinessProbes",
        )
    if container.lifecycle is not None:
        _check_lifecycle(container.lifecycle, f"{path}.lifecycle", grace_s, problems)


def check_no_health(container: Container, path: str, problems: Problems) -> None:
    """An init container that is no sidecar has an end: there is nothing to look at."""
    given = {
        "lifecycle": container.lifecycle,
        "livenessProbe": container.liveness_probe,
        "readinessProbe": container.readiness_probe,
        "startupProbe": container.startup_probe,
    }
    for name, value in given.items():
        if value is not None:
            problems.forbidden(f"{path}.{name}", "may not be set for init containers without restartPolicy=Always")


def check_gates(gates: Sequence[PodReadinessGate], path: str, problems: Problems) -> None:
    """The names of conditions."""
    for index, gate in enumerate(gates):
        own = f"{path}[{index}].conditionType"
        problems.name(own, gate.condition_type, names.label_key_problem(gate.condition_type))


def check_probe(probe: Probe | None, path: str, problems: Problems, *, only_once: bool = False) -> None:
    """One probe; `only_once`: a single success must do."""
    if probe is None:
        return
    handlers = {"exec": probe.exec_, "httpGet": probe.http_get, "tcpSocket": probe.tcp_socket,
                "grpc": probe.grpc}  # fmt: skip
    _check_handlers(handlers, path, 0, problems)
    timing = {
        "initialDelaySeconds": probe.initial_delay_seconds,
        "timeoutSeconds": probe.timeout_seconds,
        "periodSeconds": probe.period_seconds,
        "successThreshold": probe.success_threshold,
        "failureThreshold": probe.failure_threshold,
    }
    for name, value in timing.items():
        problems.at_least(f"{path}.{name}", value, 0)
    grace_s = probe.termination_grace_period_seconds
    if grace_s is not None and grace_s <= 0:
        problems.invalid(f"{path}.terminationGracePeriodSeconds", grace_s, "must be greater than 0")
    if only_once and probe.success_threshold not in (0, 1):
        problems.invalid(f"{path}.successThreshold", probe.success_threshold, "must be 1")


def _check_lifecycle(lifecycle: Lifecycle, path: str, grace_s: int, problems: Problems) -> None:
    for name, handler in (("postStart", lifecycle.post_start), ("preStop", lifecycle.pre_stop)):
        if handler is not None:
            _check_handlers(_handlers_of(handler), f"{path}.{name}", grace_s, problems)
    if lifecycle.stop_signal and signal_number(lifecycle.stop_signal) is None:
        problems.invalid(
            f"{path}.stopSignal", lifecycle.stop_signal, "must be the name of a signal, such as SIGINT or SIGRTMIN+3"
        )


def _handlers_of(handler: LifecycleHandler) -> dict[str, ExecAction | HTTPGetAction | SleepAction | None]:
    return {"exec": handler.exec_, "httpGet": handler.http_get, "sleep": handler.sleep}


def _check_handlers(
    handlers: Mapping[str, ExecAction | HTTPGetAction | TCPSocketAction | GRPCAction | SleepAction | None],
    path: str,
    grace_s: int,
    problems: Problems,
) -> None:
    """Exactly one."""
    given = {name: action for name, action in handlers.items() if action is not None}
    if not given:
        problems.required(path, "must specify a handler type")
    for count, (name, action) in enumerate(given.items()):
        own = f"{path}.{name}"
        if count:
            problems.forbidden(own, _ONE_HANDLER)
            continue
        match action:
            case ExecAction():
                _check_exec(action, own, problems)
            case HTTPGetAction():
                _check_http(action, own, problems)
            case TCPSocketAction():
                _check_port(action.port, f"{own}.port", problems)
                _check_host(action.host, f"{own}.host", problems)
            case GRPCAction():
                _check_port(action.port, f"{own}.port", problems)
            case SleepAction():
                _check_sleep(action, own, grace_s, problems)


def _check_exec(action: ExecAction, path: str, problems: Problems) -> None:
    if not action.command:
        problems.required(f"{path}.command")
    for index, word in enumerate(action.command):
        problems.no_nul(f"{path}.command[{index}]", word)
    if action.command and not action.command[0]:
        problems.invalid(f"{path}.command[0]", "", "must be the name of a program")


def _check_http(action: HTTPGetAction, path: str, problems: Problems) -> None:
    if any(character.isspace() or not character.isprintable() for character in action.path):
        problems.invalid(f"{path}.path", action.path, "must not contain white space or control characters")
    _check_port(action.port, f"{path}.port", problems)
    _check_host(action.host, f"{path}.host", problems)
    if action.scheme not in ("HTTP", "HTTPS"):
        problems.unsupported(f"{path}.scheme", action.scheme, ("HTTP", "HTTPS"))
    for index, header in enumerate(action.http_headers):
        own = f"{path}.httpHeaders[{index}]"
        if _HEADER.fullmatch(header.name) is None:
            problems.invalid(f"{own}.name", header.name, _HEADER_WORDS)
        if any(character in "\r\n\0" for character in header.value):
            problems.invalid(f"{own}.value", header.value, "must not contain line breaks or the NUL character")


def _check_port(port: int | str, path: str, problems: Problems) -> None:
    if isinstance(port, int):
        if not 1 <= port <= _PORT_MAX:
            problems.invalid(path, port, f"must be between 1 and {_PORT_MAX}, inclusive")
    else:
        problems.name(path, port, names.port_name_problem(port))


def _check_host(host: str, path: str, problems: Problems) -> None:
    """Nothing, an address, or a name."""
    if host:
        problems.name(path, host, names.host_problem(host))


def _check_sleep(action: SleepAction, path: str, grace_s: int, problems: Problems) -> None:
    if not 0 <= action.seconds <= grace_s:
        problems.invalid(
            path, action.seconds, f"must be non-negative and less than terminationGracePeriodSeconds ({grace_s})"
        )

"""What `describe` shows of containers. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from setpoint.cli.page_parts import Item, field, field_goes_on, indented
from setpoint.cli.pages_of_config import environment
from setpoint.cli.pages_of_volumes import mounts


def containers(title: str, containers: Iterable[Item], statuses: Iterable[Item]) -> list[str]:
    """A section about containers, with what is known of each; nothing if there are none."""
    known = {status["name"]: status for status in statuses}
    lines = [line for one in containers for line in indented(_container(one, known.get(one["name"])))]
    return [f"{title}:", *lines] if lines else []


def _container(container: Item, status: Item | None) -> list[str]:
    lines = [f"{container['name']}:"]
    details = [field("Image", container.get("image", "host")), field("Command", _words(container, "command"))]
    details.append(field("Args", _words(container, "args")))
    ports = (status or {}).get("ports") or container.get("ports", ())
    details.append(field("Ports", ", ".join(_port(port) for port in ports)))
    for title, amounts in (("Limits", "limits"), ("Requests", "requests")):
        chosen = container.get("resources", {}).get(amounts, {})
        details.append(field(title, ", ".join(f"{name} {amount}" for name, amount in sorted(chosen.items()))))
    if status:
        details += _state("State", status.get("state", {})) + _state("Last State", status.get("lastState", {}))
        details.append(field("Ready", status.get("ready", False)))
        details.append(field("Restart Count", status.get("restartCount", 0)))
    for title, name in (("Liveness", "livenessProbe"), ("Readiness", "readinessProbe"), ("Startup", "startupProbe")):
        if container.get(name):
            details.append(field(title, _probe(container[name])))
    return lines + indented(details + environment(container) + mounts(container))


def _probe(probe: Item) -> str:
    """`http-get http://:8080/ delay=0s timeout=1s period=10s #success=1 #failure=3`, as kubectl writes it."""
    http, tcp, grpc = probe.get("httpGet"), probe.get("tcpSocket"), probe.get("grpc")
    if http:
        how = f"http-get {http.get('scheme', 'HTTP').lower()}://{http.get('host', '')}:{http['port']}{http.get('path')}"
    elif tcp:
        how = f"tcp-socket {tcp.get('host', '')}:{tcp['port']}"
    elif grpc:
        how = f"grpc <pod>:{grpc['port']} {grpc.get('service', '')}".rstrip()
    else:
        how = f"exec [{' '.join(probe.get('exec', {}).get('command', ()))}]"
    times = {"delay": ("initialDelaySeconds", 0), "timeout": ("timeoutSeconds", 1), "period": ("periodSeconds", 10)}
    shown = [f"{title}={probe.get(name, usual)}s" for title, (name, usual) in times.items()]
    shown += [f"#success={probe.get('successThreshold', 1)}", f"#failure={probe.get('failureThreshold', 3)}"]
    return " ".join([how, *shown])


def _words(container: Item, name: str) -> str:
    return " ".join(
        word if len(word) < 80 else f"{word.split(chr(10), 1)[0][:77]}..." for word in container.get(name, ())
    )


def _port(port: Item) -> str:
    name = f"{port['name']}:" if port.get("name") else ""
    return f"{name}{port['containerPort']}/{port.get('protocol', 'TCP')}"


def _state(title: str, state: Item) -> list[str]:
    for name, details in state.items():
        lines = [field(title, name.capitalize())]
        shown = ("reason", "message", "exitCode", "signal", "startedAt", "finishedAt")
        for key in shown:
            if key in details:
                lines += indented(_detail(key[0].upper() + key[1:], details[key]))
        return lines
    return []


def _detail(title: str, value: object) -> list[str]:
    """One line, or as many as a message has, below each other: it may be what a program wrote, whatever that was."""
    if not isinstance(value, str):
        return [field(title, value)]
    first, *others = value.rstrip("\n").split("\n")
    return [field(title, _printable(first)), *(field_goes_on(_printable(line)) for line in others)]


def _printable(line: str) -> str:
    """The line, with nothing in it that a terminal would obey."""
    return "".join(sign if sign.isprintable() or sign == "\t" else repr(sign)[1:-1] for sign in line)

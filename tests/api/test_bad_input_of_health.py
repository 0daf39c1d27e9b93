"""Bad input: probes, hooks, init containers, deadlines and readiness gates, each with the exact message."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.cluster import Cluster, Raw, pod
from tests.api.test_bad_input import check

POD = "core.pods.default"
EXEC = {"exec": {"command": ["true"]}}
HTTP = {"port": 80}
C, INIT = "spec.containers[0]", "spec.initContainers[0]"
MORE = "may not specify more than 1 handler type"
HEADER = (
    "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for "
    "validation is '[-A-Za-z0-9]+')"
)
RULE = {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}
NOT_INIT = "may not be set for init containers without restartPolicy=Always"


def app(**fields: Any) -> Raw:
    return pod(containers=[{"name": "c", **fields}])


def probe(kind: str = "livenessProbe", **fields: Any) -> Raw:
    return app(**{kind: fields})


def hook(kind: str = "preStop", **fields: Any) -> Raw:
    return app(lifecycle={kind: fields})


def init(**fields: Any) -> Raw:
    return pod(containers=[{"name": "c"}], initContainers=[{"name": "i", **fields}])


INVALID: list[tuple[str, Raw, str]] = [
    ("no-handler", probe(), f"{C}.livenessProbe: Required value: must specify a handler type"),
    ("grpc-port", probe(grpc={"port": 0}),
     f"{C}.livenessProbe.grpc.port: Invalid value: 0: must be between 1 and 65535, inclusive"),
    ("grpc-nothing", probe(grpc={}), f"{C}.livenessProbe.grpc.port: Required value"),
    ("grpc-and-exec", probe(**EXEC, grpc={"port": 1}), f"{C}.livenessProbe.grpc: Forbidden: {MORE}"),
    ("two-handlers", probe(**EXEC, tcpSocket={"port": 80}), f"{C}.livenessProbe.tcpSocket: Forbidden: {MORE}"),
    ("three-handlers", probe("readinessProbe", **EXEC, httpGet=HTTP, tcpSocket={"port": 80}),
     f"[{C}.readinessProbe.httpGet: Forbidden: {MORE}, {C}.readinessProbe.tcpSocket: Forbidden: {MORE}]"),
    ("no-command", probe(exec={}), f"{C}.livenessProbe.exec.command: Required value"),
    ("empty-program", probe(exec={"command": [""]}),
     f'{C}.livenessProbe.exec.command[0]: Invalid value: "": must be the name of a program'),
    ("negative-delay", probe(**EXEC, initialDelaySeconds=-1),
     f"{C}.livenessProbe.initialDelaySeconds: Invalid value: -1: must be greater than or equal to 0"),
    ("negative-period", probe(**EXEC, periodSeconds=-1),
     f"{C}.livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0"),
    ("negative-timeout", probe(**EXEC, timeoutSeconds=-1),
     f"{C}.livenessProbe.timeoutSeconds: Invalid value: -1: must be greater than or equal to 0"),
    ("negative-failures", probe(**EXEC, failureThreshold=-3),
     f"{C}.livenessProbe.failureThreshold: Invalid value: -3: must be greater than or equal to 0"),
    ("liveness-needs-two-successes", probe(**EXEC, successThreshold=2),
     f"{C}.livenessProbe.successThreshold: Invalid value: 2: must be 1"),
    ("startup-needs-two-successes", probe("startupProbe", **EXEC, successThreshold=2),
     f"{C}.startupProbe.successThreshold: Invalid value: 2: must be 1"),
    ("readiness-with-grace", probe("readinessProbe", **EXEC, terminationGracePeriodSeconds=5),
     f"{C}.readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must not be set for readinessProbes"),
    ("no-grace", probe(**EXEC, terminationGracePeriodSeconds=0),
     f"{C}.livenessProbe.terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0"),
    ("port-out-of-range", probe(tcpSocket={"port": 70000}),
     f"{C}.livenessProbe.tcpSocket.port: Invalid value: 70000: must be between 1 and 65535, inclusive"),
    ("port-zero", probe(httpGet={"port": 0}),
     f"{C}.livenessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive"),
    ("no-port", probe(httpGet={"path": "/"}), f"{C}.livenessProbe.httpGet.port: Required value"),
    ("host", probe(httpGet={**HTTP, "host": "a..b"}),
     f'{C}.livenessProbe.httpGet.host: Invalid value: "a..b": must be an IP address or the name of a host'),
    ("host-with-port", probe(tcpSocket={"port": 1, "host": "web:80"}),
     f'{C}.livenessProbe.tcpSocket.host: Invalid value: "web:80": must be an IP address or the name of a host'),
    ("host-of-hook", hook(httpGet={**HTTP, "host": "a b"}),
     f'{C}.lifecycle.preStop.httpGet.host: Invalid value: "a b": must be an IP address or the name of a host'),
    ("scheme", probe(httpGet={**HTTP, "scheme": "ftp"}),
     f'{C}.livenessProbe.httpGet.scheme: Unsupported value: "ftp": supported values: "HTTP", "HTTPS"'),
    ("header", probe(httpGet={**HTTP, "httpHeaders": [{"name": "X Key"}]}),
     f'{C}.livenessProbe.httpGet.httpHeaders[0].name: Invalid value: "X Key": {HEADER}'),
    ("header-with-a-line-break", probe(httpGet={**HTTP, "httpHeaders": [{"name": "X", "value": "a\r\nb"}]}),
     f'{C}.livenessProbe.httpGet.httpHeaders[0].value: Invalid value: "a\\r\\nb": must not contain line breaks or the '
     "NUL character"),
    ("path-with-a-space", probe(httpGet={**HTTP, "path": "/a b"}),
     f'{C}.livenessProbe.httpGet.path: Invalid value: "/a b": must not contain white space or control characters'),
    ("hook-without-handler", hook(), f"{C}.lifecycle.preStop: Required value: must specify a handler type"),
    ("stop-signal", app(lifecycle={"stopSignal": "TERM"}),
     f'{C}.lifecycle.stopSignal: Invalid value: "TERM": must be the name of a signal, such as SIGINT or SIGRTMIN+3'),
    ("hook-with-two", hook(**EXEC, sleep={"seconds": 1}), f"{C}.lifecycle.preStop.sleep: Forbidden: {MORE}"),
    ("sleep-beyond-the-grace", hook(sleep={"seconds": 31}),
     f"{C}.lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than "
     "terminationGracePeriodSeconds (30)"),
    ("negative-sleep", hook("postStart", sleep={"seconds": -1}),
     f"{C}.lifecycle.postStart.sleep: Invalid value: -1: must be non-negative and less than "
     "terminationGracePeriodSeconds (30)"),
    ("restart-policy-of-a-container", app(restartPolicy="Once"),
     f'{C}.restartPolicy: must be one of "Always", "OnFailure", "Never", found "Once"'),
    ("restart-rules-alone", app(restartPolicyRules=[RULE]),
     f"{C}.restartPolicy: Required value: must be set when `restartPolicyRules` is"),
    ("restart-rules-many", app(restartPolicy="Never", restartPolicyRules=[RULE] * 21),
     f"{C}.restartPolicyRules: Invalid value: 21: may not be more than 20 rules"),
    ("restart-rule-for-nothing", app(restartPolicy="Never", restartPolicyRules=[{"action": "Restart"}]),
     f"{C}.restartPolicyRules[0].exitCodes: Required value"),
    ("restart-rule-for-no-code",
     app(restartPolicy="Never", restartPolicyRules=[{"action": "Restart", "exitCodes": {"operator": "In"}}]),
     f"{C}.restartPolicyRules[0].exitCodes.values: Required value: must have at least one exit code"),
    ("restart-rule-action",
     app(restartPolicy="Never", restartPolicyRules=[{**RULE, "action": "RestartAllContainers"}]),
     f'{C}.restartPolicyRules[0].action: must be "Restart", found "RestartAllContainers"'),
    ("name-twice", init(name="c"), f'{INIT}.name: Duplicate value: "c"'),
    ("probe-of-an-init-container", init(readinessProbe=EXEC), f"{INIT}.readinessProbe: Forbidden: {NOT_INIT}"),
    ("hook-of-an-init-container", init(lifecycle={"preStop": EXEC}), f"{INIT}.lifecycle: Forbidden: {NOT_INIT}"),
    ("probe-of-a-sidecar", init(restartPolicy="Always", livenessProbe={}),
     f"{INIT}.livenessProbe: Required value: must specify a handler type"),
    ("long-grace", pod(terminationGracePeriodSeconds=2**31),
     "spec.terminationGracePeriodSeconds: must be at most 2147483647, found 2147483648"),
    ("long-probe-grace", probe(**EXEC, terminationGracePeriodSeconds=2**31),
     f"{C}.livenessProbe.terminationGracePeriodSeconds: must be at most 2147483647, found 2147483648"),
    ("no-deadline", pod(activeDeadlineSeconds=0),
     "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"),
    ("gate", pod(readinessGates=[{"conditionType": ""}]),
     'spec.readinessGates[0].conditionType: Invalid value: "": name part must be non-empty'),
]  # fmt: skip


@pytest.mark.parametrize(("body", "message"), [row[1:] for row in INVALID], ids=[row[0] for row in INVALID])
async def test_what_is_refused(api: Cluster, caplog: pytest.LogCaptureFixture, body: Raw, message: str) -> None:
    answer = await check(api, caplog, f"create.{POD}", body, {})
    assert answer["message"].partition(" is invalid: ")[2] == message


async def test_what_is_left_out_or_zero_has_its_default(api: Cluster) -> None:
    body = probe(httpGet={"port": "web"}, timeoutSeconds=0, periodSeconds=0)
    made = await api.ok(f"create.{POD}", body)
    assert made["spec"]["containers"][0]["livenessProbe"] == {
        "httpGet": {"path": "/", "port": "web", "scheme": "HTTP"},
        "initialDelaySeconds": 0, "timeoutSeconds": 1, "periodSeconds": 10,
        "successThreshold": 1, "failureThreshold": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (60, 30, ""),
        (None, 30, ""),
        (60, 90, "spec.activeDeadlineSeconds: Invalid value: 90: must be less than or equal to previous value 60"),
        (60, None, "spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil "
                   "value"),
    ],
    ids=["nearer", "set", "later", "removed"],
)  # fmt: skip
async def test_a_deadline_only_comes_nearer(api: Cluster, old: int | None, new: int | None, message: str) -> None:
    name = pod()["metadata"]["name"]
    await api.ok(f"create.{POD}", pod(activeDeadlineSeconds=old))
    merge = {"Content_Type": "application/merge-patch+json"}
    answer = await api.call(f"patch.{POD}.{name}", {"spec": {"activeDeadlineSeconds": new}}, **merge)
    assert (answer.get("message", "") if message else "") == (f'Pod "{name}" is invalid: {message}' if message else "")
    assert (answer["kind"] == "Pod") is not bool(message)

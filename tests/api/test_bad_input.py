"""Bad input: every way to ask wrongly that we thought of, each with the exact message that its writer gets.

None changes anything, and none leaves a trace in the server's log: a mistake of a user is no event for an operator.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgpack
import pytest

from control_plane.store.port import OBJECT_BYTES_MAX
from tests.api.cluster import Cluster, Raw, cluster, deployment, pod

UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MSGPACK = {"Content_Type": "application/msgpack"}
MERGE = {"Content_Type": "application/merge-patch+json"}

SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
QUALIFIED = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
ENV_NAME = (
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not "
    "start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is "
    "'[-._a-zA-Z][-._a-zA-Z0-9]*')"
)
CONFIG_KEY = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
PERCENT = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
    "validation is '[0-9]+%')"
)
QUANTITY = "is not a quantity: write a number with an optional suffix, such as 500m, 2, 64Mi or 1G"
TIME = "must be a time with its zone, such as 2026-11-24T03:10:40Z"
FORM = "sp.api.<verb>.<group>.<resource>.<namespace or _>[.<name>]"


@asynccontextmanager
async def filled_cluster() -> AsyncIterator[Cluster]:
    """A cluster with one object of most kinds."""
    async with cluster(max_payload_bytes=8 * 1024 * 1024) as api:
        await api.ok("create.core.namespaces", {"metadata": {"name": "ending"}})
        await api.ok("create.core.configmaps.ending", {"metadata": {"name": "c"}})
        await api.ok("delete.core.namespaces.ending")
        await api.ok("create.core.pods.default", pod("old", tolerations=[{"key": "k", "operator": "Exists"}]))
        await api.ok("create.core.pods.default", pod("bound", nodeName="n1"))
        await api.ok("create.apps.deployments.default", deployment("old"))
        await api.ok("create.core.configmaps.default", {"metadata": {"name": "fixed"}, "data": {"a": "1"},
                                                        "immutable": True})  # fmt: skip
        yield api


@pytest.fixture
async def filled() -> AsyncIterator[Cluster]:
    """Such a cluster for one test."""
    async with filled_cluster() as api:
        yield api


async def check(api: Cluster, caplog: pytest.LogCaptureFixture, subject: str, body: Any, headers: Any) -> Raw:
    """Ask; the refusal, after making sure that nothing was written or logged."""
    before = api.revision
    caplog.clear()
    with caplog.at_level(logging.DEBUG):
        answer = await api.call(subject, body, **headers)
    assert answer["kind"] == "Status" and answer["status"] == "Failure", answer
    assert api.revision == before, "a refused request changed something"
    told = [record for record in caplog.records if record.name.startswith(("control_plane", "proto"))]
    assert not told, [record.getMessage() for record in told]
    answer["message"] = UID.sub("<uid>", answer["message"])
    return answer


def meta(**metadata: Any) -> Raw:
    """A pod with such metadata."""
    return {**pod(), "metadata": {"name": "p", **metadata}}


def container(**fields: Any) -> Raw:
    """A pod with one such container."""
    return pod(containers=[{"name": "c", **fields}])


def template(labels: Raw | None = None, **spec: Any) -> Raw:
    """A deployment with such a template."""
    return deployment(
        template={"metadata": {"labels": labels or {"app": "web"}}, "spec": {"containers": [{"name": "c"}], **spec}}
    )


def rolling(**amounts: Any) -> Raw:
    return deployment(strategy={"rollingUpdate": amounts})


# New objects that break a rule: (case, what is created, body, message).
POD, DEPLOYMENT = "core.pods.default", "apps.deployments.default"
CONFIG, NODE, LEASE = "core.configmaps.default", "core.nodes._", "coordination.leases.default"
NAMED = {"metadata": {"name": "x"}}

INVALID: list[tuple[str, str, Any, str]] = [
    # names
    ("pod-name", POD, meta(name="My_Pod"),
     f'Pod "My_Pod" is invalid: metadata.name: Invalid value: "My_Pod": {SUBDOMAIN}'),
    ("node-name", NODE, {"metadata": {"name": "node one"}},
     f'Node "node one" is invalid: metadata.name: Invalid value: "node one": {SUBDOMAIN}'),
    ("name-too-long", POD, meta(name="x" * 254),
     f'Pod "{"x" * 253}…" is invalid: metadata.name: Invalid value: "{"x" * 119}…: must be no more than 253 '
     "characters"),
    ("namespace-with-a-dot", "core.namespaces", {"metadata": {"name": "a.b"}},
     f'Namespace "a.b" is invalid: metadata.name: Invalid value: "a.b": {LABEL}'),
    ("no-name", POD, {**pod(), "metadata": {}},
     'Pod "" is invalid: metadata.name: Required value: name or generateName is required'),
    ("no-metadata", POD, {"spec": {"containers": [{"name": "c"}]}},
     'Pod "" is invalid: metadata.name: Required value: name or generateName is required'),
    ("bad-generate-name", POD, {**pod(), "metadata": {"generateName": "Web-"}},
     f'Pod "Web-w58zg" is invalid: metadata.generateName: Invalid value: "Web-": {SUBDOMAIN}'),
    # labels, annotations, owners, finalizers
    ("label-value", POD, meta(labels={"a": "b c"}),
     f'Pod "p" is invalid: metadata.labels: Invalid value: "b c": {VALUE}'),
    ("label-value-too-long", POD, meta(labels={"a": "x" * 64}),
     f'Pod "p" is invalid: metadata.labels: Invalid value: "{"x" * 64}": must be no more than 63 characters'),
    ("label-key", POD, meta(labels={"-a": "b"}),
     f'Pod "p" is invalid: metadata.labels: Invalid value: "-a": {QUALIFIED}'),
    ("label-key-too-long", POD, meta(labels={"x" * 64: ""}),
     f'Pod "p" is invalid: metadata.labels: Invalid value: "{"x" * 64}": name part must be no more than 63 characters'),
    ("label-key-prefix", POD, meta(labels={"/a": "b"}),
     'Pod "p" is invalid: metadata.labels: Invalid value: "/a": prefix part must be non-empty'),
    ("label-number", POD, meta(labels={"a": 1}), 'Pod "p" is invalid: metadata.labels.a: must be a string, found 1'),
    ("label-null", POD, meta(labels={"a": None}),
     'Pod "p" is invalid: metadata.labels.a: must be a string, found null'),
    ("labels-list", POD, meta(labels=["a"]), 'Pod "p" is invalid: metadata.labels: must be a mapping, found a list'),
    ("annotation-bool", POD, meta(annotations={"a": True}),
     'Pod "p" is invalid: metadata.annotations.a: must be a string, found true'),
    ("annotations-too-large", POD, meta(annotations={"a": "x" * 262_144}),
     'Pod "p" is invalid: metadata.annotations: Too long: may not be more than 262144 bytes'),
    ("finalizer", POD, meta(finalizers=["mine"]),
     'Pod "p" is invalid: metadata.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer '
     "name nor is it "
     "fully qualified"),
    ("owner-without-uid", POD, meta(ownerReferences=[{"apiVersion": "v1", "kind": "Node", "name": "n"}]),
     'Pod "p" is invalid: metadata.ownerReferences[0].uid: Required value'),
    ("two-controllers", POD,
     meta(ownerReferences=[{"apiVersion": "v1", "kind": "Node", "name": n, "uid": n, "controller": True}
                           for n in "ab"]),
     'Pod "p" is invalid: metadata.ownerReferences: Invalid value: "Node/b": Only one reference can have '
     "Controller set to true. "
     'Found "true" in references for Node/a and Node/b'),
    ("bad-time", POD, meta(creationTimestamp="soon"),
     f'Pod "p" is invalid: metadata.creationTimestamp: {TIME}, found "soon"'),
    # unknown fields and wrong types
    ("unknown-field", POD, pod(contaners=[]),
     'Pod "p" is invalid: unknown field "spec.contaners", did you mean "containers"?'),
    ("unknown-top-field", POD, {**pod(), "apiversion": "v1"},
     'Pod "p" is invalid: unknown field "apiversion", did you mean "apiVersion"?'),
    ("snake-case", POD, pod(node_name="n"),
     'Pod "p" is invalid: unknown field "spec.node_name", did you mean "nodeName"?'),
    ("spec-list", POD, {**NAMED, "spec": []}, 'Pod "x" is invalid: spec: must be a mapping, found a list'),
    ("containers-mapping", POD, pod(containers={}),
     'Pod "p" is invalid: spec.containers: must be a list, found a mapping'),
    ("container-text", POD, pod(containers=["c"]),
     'Pod "p" is invalid: spec.containers[0]: must be a mapping, found "c"'),
    ("container-null", POD, pod(containers=[None]),
     'Pod "p" is invalid: spec.containers[0]: must be a mapping, found null'),
    ("replicas-negative", DEPLOYMENT, deployment(replicas=-1),
     'Deployment.apps "web" is invalid: spec.replicas: must be a whole number ≥ 0, found -1'),
    ("replicas-text", DEPLOYMENT, deployment(replicas="2"),
     'Deployment.apps "web" is invalid: spec.replicas: must be a whole number ≥ 0, found "2"'),
    ("replicas-fraction", DEPLOYMENT, deployment(replicas=1.5),
     'Deployment.apps "web" is invalid: spec.replicas: must be a whole number ≥ 0, found 1.5'),
    ("replicas-bool", DEPLOYMENT, deployment(replicas=True),
     'Deployment.apps "web" is invalid: spec.replicas: must be a whole number ≥ 0, found true'),
    ("replicas-too-many", DEPLOYMENT, deployment(replicas=2**31),
     'Deployment.apps "web" is invalid: spec.replicas: must be at most 2147483647, found 2147483648'),
    ("paused-text", DEPLOYMENT, deployment(paused="no"),
     'Deployment.apps "web" is invalid: spec.paused: must be true or false, found "no"'),
    ("restart-policy", POD, pod(restartPolicy="Sometimes"),
     'Pod "p" is invalid: spec.restartPolicy: must be one of "Always", "OnFailure", "Never", found "Sometimes"'),
    ("grace-negative", POD, pod(terminationGracePeriodSeconds=-1),
     'Pod "p" is invalid: spec.terminationGracePeriodSeconds: must be a whole number ≥ 0, found -1'),
    # containers
    ("no-containers", POD, pod(containers=[]), 'Pod "p" is invalid: spec.containers: Required value'),
    ("no-spec", POD, NAMED, 'Pod "x" is invalid: spec.containers: Required value'),
    ("container-without-name", POD, pod(containers=[{"image": "x"}]),
     'Pod "p" is invalid: spec.containers[0].name: Required value'),
    ("container-name", POD, pod(containers=[{"name": "a.b"}]),
     f'Pod "p" is invalid: spec.containers[0].name: Invalid value: "a.b": {LABEL}'),
    ("container-names-equal", POD, pod(containers=[{"name": "c"}, {"name": "c"}]),
     'Pod "p" is invalid: spec.containers[1].name: Duplicate value: "c"'),
    ("command-text", POD, container(command="sleep 1"),
     'Pod "p" is invalid: spec.containers[0].command: must be a list, found "sleep 1"'),
    ("command-number", POD, container(command=["sleep", 1]),
     'Pod "p" is invalid: spec.containers[0].command[1]: must be a string, found 1'),
    ("command-nul", POD, container(args=["a\0b"]),
     'Pod "p" is invalid: spec.containers[0].args[0]: Invalid value: "a\\u0000b": must not contain the NUL character'),
    ("env-number", POD, container(env=[{"name": "A", "value": 1}]),
     'Pod "p" is invalid: spec.containers[0].env[0].value: must be a string, found 1'),
    ("env-name", POD, container(env=[{"name": "1A"}]),
     f'Pod "p" is invalid: spec.containers[0].env[0].name: Invalid value: "1A": {ENV_NAME}'),
    ("env-two-values", POD,
     container(env=[{"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
     'Pod "p" is invalid: spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when '
     "`value` is not empty"),
    ("env-field-path", POD, container(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.color"}}}]),
     'Pod "p" is invalid: spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: '
     '"spec.color": supported '
     'values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", '
     '"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs", "metadata.labels[\'<KEY>\']", '
     '"metadata.annotations[\'<KEY>\']"'),
    ("port-too-high", POD, container(ports=[{"containerPort": 65536}]),
     'Pod "p" is invalid: spec.containers[0].ports[0].containerPort: must be at most 65535, found 65536'),
    ("port-negative", POD, container(ports=[{"containerPort": -1}]),
     'Pod "p" is invalid: spec.containers[0].ports[0].containerPort: must be a whole number from 0 to 65535, found -1'),
    ("port-text", POD, container(ports=[{"containerPort": "http"}]),
     'Pod "p" is invalid: spec.containers[0].ports[0].containerPort: must be a whole number from 0 to 65535, '
     'found "http"'),
    ("port-missing", POD, container(ports=[{"name": "http"}]),
     'Pod "p" is invalid: spec.containers[0].ports[0].containerPort: Required value'),
    ("port-protocol", POD, container(ports=[{"containerPort": 80, "protocol": "tcp"}]),
     'Pod "p" is invalid: spec.containers[0].ports[0].protocol: must be one of "TCP", "UDP", "SCTP", found "tcp"'),
    ("port-name", POD, container(ports=[{"containerPort": 80, "name": "HTTP"}]),
     'Pod "p" is invalid: spec.containers[0].ports[0].name: Invalid value: "HTTP": must contain only '
     "alpha-numeric characters "
     "(a-z, 0-9), and hyphens (-)"),
    ("port-names-equal", POD, container(ports=[{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}]),
     'Pod "p" is invalid: spec.containers[0].ports[1].name: Duplicate value: "a"'),
    ("host-ports-equal", POD, container(ports=[{"containerPort": 1, "hostPort": 9}, {"containerPort": 2,
     "hostPort": 9}]),
     'Pod "p" is invalid: spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//9"'),
    ("quantity", POD, container(resources={"limits": {"cpu": "two"}}),
     f"Pod \"p\" is invalid: spec.containers[0].resources.limits.cpu: 'two' {QUANTITY}"),
    ("quantity-suffix", POD, container(resources={"limits": {"memory": "64MB"}}),
     f"Pod \"p\" is invalid: spec.containers[0].resources.limits.memory: '64MB' {QUANTITY}"),
    ("quantity-negative", POD, container(resources={"requests": {"cpu": "-1"}}),
     'Pod "p" is invalid: spec.containers[0].resources.requests.cpu: Invalid value: "-1": must be greater than '
     "or equal to 0"),
    ("request-over-limit", POD, container(resources={"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}),
     'Pod "p" is invalid: spec.containers[0].resources.requests: Invalid value: "2Gi": must be less than or '
     "equal to memory limit "
     "of 1Gi"),
    ("resource-name", POD, container(resources={"requests": {"ram": "1Gi"}}),
     'Pod "p" is invalid: spec.containers[0].resources.requests.ram: Invalid value: "ram": must be a standard resource '
     "for containers"),
    # pods
    ("node-selector", POD, pod(nodeSelector={"a b": "c"}),
     f'Pod "p" is invalid: spec.nodeSelector: Invalid value: "a b": {QUALIFIED}'),
    ("node-name-of-pod", POD, pod(nodeName="N"), f'Pod "p" is invalid: spec.nodeName: Invalid value: "N": {SUBDOMAIN}'),
    ("toleration-effect", POD, pod(tolerations=[{"key": "a", "effect": "NoStart"}]),
     'Pod "p" is invalid: spec.tolerations[0].effect: must be one of "NoSchedule", "PreferNoSchedule", "NoExecute", '
     'found "NoStart"'),
    ("toleration-exists-with-value", POD, pod(tolerations=[{"key": "a", "operator": "Exists", "value": "b"}]),
     'Pod "p" is invalid: spec.tolerations[0].operator: Invalid value: "b": value must be empty when `operator` '
     'is \'Exists\''),
    ("toleration-without-key", POD, pod(tolerations=[{"value": "b"}]),
     'Pod "p" is invalid: spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when '
     "`key` is empty, which "
     "means 'match all values and all keys'"),
    ("toleration-seconds", POD, pod(tolerations=[{"key": "a", "effect": "NoSchedule", "tolerationSeconds": 3}]),
     'Pod "p" is invalid: spec.tolerations[0].effect: Invalid value: "NoSchedule": effect must be \'NoExecute\' when '
     "`tolerationSeconds` is set"),
    ("disconnect-stop", POD, pod(disconnect={"stopAfterSeconds": -1}),
     'Pod "p" is invalid: spec.disconnect.stopAfterSeconds: must be a whole number ≥ 0, found -1'),
    ("disconnect-stop-soon", POD, pod(disconnect={"stopAfterSeconds": 2}),
     'Pod "p" is invalid: spec.disconnect.stopAfterSeconds: Invalid value: 2: must be at least 3: sooner than that a '
     'silent node is not taken for lost'),
    ("runtime-class", POD, pod(runtimeClassName="Not Valid"),
     f'Pod "p" is invalid: spec.runtimeClassName: Invalid value: "Not Valid": {SUBDOMAIN}'),
    ("disconnect-text", POD, pod(disconnect={"replaceAfterSeconds": "1m"}),
     'Pod "p" is invalid: spec.disconnect.replaceAfterSeconds: must be a whole number ≥ 0, found "1m"'),
    ("disconnect-misspelt", POD, pod(disconnect={"stopAfter": 3}),
     'Pod "p" is invalid: unknown field "spec.disconnect.stopAfter", did you mean "stopAfterSeconds"?'),
    ("disconnect-choice", POD, pod(disconnect={"onReconnect": "keepBoth"}),
     'Pod "p" is invalid: spec.disconnect.onReconnect: must be one of "keepOriginal", "keepReplacement", "keepBest", '
     'found "keepBoth"'),
    ("disconnect-twice", POD, pod(disconnect={"stopAfterSeconds": 60, "replaceAfterSeconds": 60}),
     'Pod "p" is invalid: spec.disconnect.replaceAfterSeconds: Invalid value: 60: must be greater than '
     "`stopAfterSeconds`, or left out to replace the pod as soon as it is known to have stopped"),
    ("disconnect-stopped-and-kept", POD, pod(disconnect={"stopAfterSeconds": 60, "onReconnect": "keepBest"}),
     'Pod "p" is invalid: spec.disconnect.onReconnect: Forbidden: may not be \'keepBest\' when `stopAfterSeconds` is '
     "set: the original has stopped by then"),
    # deployments
    ("no-selector", DEPLOYMENT, deployment(selector={}),
     'Deployment.apps "web" is invalid: spec.selector: Required value: an empty selector is invalid for a '
     "deployment: it would "
     "choose every pod"),
    ("selector-mismatch", DEPLOYMENT, template({"app": "api"}),
     'Deployment.apps "web" is invalid: spec.template.metadata.labels: Invalid value: {"app":"api"}: `selector` '
     "does not match "
     "template `labels`"),
    ("selector-operator", DEPLOYMENT, deployment(selector={"matchExpressions": [{"key": "app", "operator": "Is"}]}),
     'Deployment.apps "web" is invalid: spec.selector.matchExpressions[0].operator: must be one of "In", '
     '"NotIn", "Exists", '
     '"DoesNotExist", found "Is"'),
    ("selector-in-nothing", DEPLOYMENT,
     deployment(selector={"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "app", "operator": "NotIn"}]}),
     'Deployment.apps "web" is invalid: spec.selector.matchExpressions[0].values: Required value: must be '
     "specified when "
     "`operator` is 'In' or 'NotIn'"),
    ("template-restart-policy", DEPLOYMENT, template(restartPolicy="Never"),
     'Deployment.apps "web" is invalid: spec.template.spec.restartPolicy: Unsupported value: "Never": supported '
     'values: "Always"'),
    ("template-without-containers", DEPLOYMENT, template(containers=[]),
     'Deployment.apps "web" is invalid: spec.template.spec.containers: Required value'),
    ("surge-text", DEPLOYMENT, rolling(maxSurge="many"),
     f'Deployment.apps "web" is invalid: spec.strategy.rollingUpdate.maxSurge: Invalid value: "many": {PERCENT}'),
    ("surge-negative", DEPLOYMENT, rolling(maxSurge=-1),
     'Deployment.apps "web" is invalid: spec.strategy.rollingUpdate.maxSurge: Invalid value: -1: must be greater '
     "than or equal "
     "to 0"),
    ("unavailable-over-all", DEPLOYMENT, rolling(maxUnavailable="101%"),
     'Deployment.apps "web" is invalid: spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must '
     "not be greater "
     "than 100%"),
    ("surge-and-unavailable-zero", DEPLOYMENT, rolling(maxSurge=0, maxUnavailable="0%"),
     'Deployment.apps "web" is invalid: spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not '
     "be 0 when "
     "`maxSurge` is 0"),
    ("recreate-with-rolling", DEPLOYMENT, deployment(strategy={"type": "Recreate", "rollingUpdate": {}}),
     'Deployment.apps "web" is invalid: spec.strategy.rollingUpdate: Forbidden: may not be specified when '
     "strategy `type` is "
     "'Recreate'"),
    ("strategy-type", DEPLOYMENT, deployment(strategy={"type": "BlueGreen"}),
     'Deployment.apps "web" is invalid: spec.strategy.type: must be one of "RollingUpdate", "Recreate", "Canary", '
     'found "BlueGreen"'),
    ("deadline", DEPLOYMENT, deployment(minReadySeconds=600),
     'Deployment.apps "web" is invalid: spec.progressDeadlineSeconds: Invalid value: 600: must be greater than '
     "minReadySeconds"),
    # nodes, config maps, leases, events
    ("taint-effect", NODE, {**NAMED, "spec": {"taints": [{"key": "a"}]}},
     'Node "x" is invalid: spec.taints[0].effect: Required value'),
    ("taint-key", NODE, {**NAMED, "spec": {"taints": [{"key": "", "effect": "NoExecute"}]}},
     'Node "x" is invalid: spec.taints[0].key: Invalid value: "": name part must be non-empty'),
    ("taints-equal", NODE, {**NAMED, "spec": {"taints": [{"key": "a", "effect": "NoExecute"}] * 2}},
     'Node "x" is invalid: spec.taints[1]: Duplicate value: "a:NoExecute"'),
    ("config-key", CONFIG, {**NAMED, "data": {"a/b": ""}},
     f'ConfigMap "x" is invalid: data[a/b]: Invalid value: "a/b": {CONFIG_KEY}'),
    ("config-number", CONFIG, {**NAMED, "data": {"port": 80}},
     'ConfigMap "x" is invalid: data.port: must be a string, found 80'),
    ("config-key-twice", CONFIG, {**NAMED, "data": {"a": ""}, "binaryData": {"a": ""}},
     'ConfigMap "x" is invalid: data[a]: Invalid value: "a": duplicate of key present in binaryData'),
    ("config-base64", CONFIG, {**NAMED, "binaryData": {"a": "%"}},
     'ConfigMap "x" is invalid: binaryData[a]: Invalid value: "%": must be base64'),
    ("config-too-large", CONFIG, {**NAMED, "data": {"a": "x" * (OBJECT_BYTES_MAX + 1)}},
     'ConfigMap "x" is invalid: data: Too long: may not be more than 1048576 bytes'),
    ("lease-duration", LEASE, {**NAMED, "spec": {"leaseDurationSeconds": 0}},
     'Lease.coordination.k8s.io "x" is invalid: spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0'),
    ("event-namespace", "core.events.default",
     {**NAMED, "involvedObject": {"kind": "Pod", "name": "p", "namespace": "other"}},
     'Event "x" is invalid: involvedObject.namespace: Invalid value: "other": does not match event.namespace'),
    ("event-type", "core.events.default", {**NAMED, "type": "Bad"},
     'Event "x" is invalid: type: Unsupported value: "Bad": supported values: "Normal", "Warning"'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("subject", "body", "message"), [case[1:] for case in INVALID], ids=[case[0] for case in INVALID]
)
async def test_a_new_object_that_breaks_a_rule(
    filled: Cluster, caplog: pytest.LogCaptureFixture, subject: str, body: Raw, message: str
) -> None:
    answer = await check(filled, caplog, f"create.{subject}", body, {})
    assert answer["message"] == message
    assert (answer["code"], answer["reason"]) == (422, "Invalid")
    assert answer["details"]["causes"], "every cause names its field"


FIXED = {"metadata": {"name": "fixed"}, "data": {"a": "1"}, "immutable": True}
MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"
MAY_CHANGE = (
    "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`, "
    "`spec.initContainers[*].image`, `spec.activeDeadlineSeconds`, `spec.tolerations` (only additions to existing "
    "tolerations)"
)
OLD_POD, OLD_DEPLOYMENT = "core.pods.default.old", "apps.deployments.default.old"


def old_pod(**spec: Any) -> Raw:
    return pod("old", **{"tolerations": [{"key": "k", "operator": "Exists"}], **spec})


# Changes of what is there: (case, request, body, code, message).
CHANGES: list[tuple[str, str, Any, int, str]] = [
    ("pod-command", f"update.{OLD_POD}", old_pod(containers=[{"name": "c", "command": ["other"]}]), 422,
     f'Pod "old" is invalid: {MAY_CHANGE}'),
    ("pod-node", f"patch.{OLD_POD}", {"spec": {"nodeName": "n9"}}, 422, f'Pod "old" is invalid: {MAY_CHANGE}'),
    ("pod-containers", f"update.{OLD_POD}", old_pod(containers=[{"name": "c"}, {"name": "d"}]), 422,
     'Pod "old" is invalid: spec.containers: Forbidden: pod updates may not add or remove containers'),
    ("pod-toleration-removed", f"patch.{OLD_POD}", {"spec": {"tolerations": None}}, 422,
     'Pod "old" is invalid: spec.tolerations: Forbidden: existing toleration can not be modified except its '
     "tolerationSeconds"),
    ("selector-changed", f"update.{OLD_DEPLOYMENT}",
     deployment("old", selector={"matchLabels": {"app": "web", "x": "y"}},
                template={"metadata": {"labels": {"app": "web", "x": "y"}}, "spec": {"containers": [{"name": "c"}]}}),
     422, 'Deployment.apps "old" is invalid: spec.selector: Invalid value: {"matchLabels":{"app":"web","x":"y"}}: '
          "field is immutable"),
    ("immutable-data", "patch.core.configmaps.default.fixed", {"data": {"a": "2"}}, 422,
     'ConfigMap "fixed" is invalid: data: Forbidden: field is immutable when `immutable` is set'),
    ("immutable-undone", "patch.core.configmaps.default.fixed", {"immutable": None}, 422,
     'ConfigMap "fixed" is invalid: immutable: Forbidden: field is immutable when `immutable` is set'),
    ("stale-revision", "update.core.configmaps.default.fixed",
     {**FIXED, "metadata": {"name": "fixed", "resourceVersion": "1"}}, 409,
     f'Operation cannot be fulfilled on configmaps "fixed": {MODIFIED}'),
    ("other-uid", "update.core.configmaps.default.fixed", {**FIXED, "metadata": {"name": "fixed", "uid": "u"}}, 409,
     'Operation cannot be fulfilled on configmaps "fixed": Precondition failed: UID in precondition: u, UID in object '
     "meta: <uid>"),
    ("bad-revision", "update.core.configmaps.default.fixed",
     {**FIXED, "metadata": {"name": "fixed", "resourceVersion": "new"}}, 400,
     'metadata.resourceVersion: must be a number that the API gave, found "new"'),
    ("revision-number", "update.core.configmaps.default.fixed",
     {**FIXED, "metadata": {"name": "fixed", "resourceVersion": 7}}, 422,
     'ConfigMap "fixed" is invalid: metadata.resourceVersion: must be a string, found 7'),
    ("update-nothing", "update.core.configmaps.default.none", {"metadata": {"name": "none"}}, 404,
     'configmaps "none" not found'),
    ("patch-nothing", "patch.core.configmaps.default.none", {}, 404, 'configmaps "none" not found'),
    ("patch-name", "patch.core.configmaps.default.fixed", {"metadata": {"name": "other"}}, 400,
     "the name of the object (other) does not match the name on the request (fixed)"),
    ("patch-unknown-field", f"patch.{OLD_DEPLOYMENT}", {"spec": {"replica": 3}}, 422,
     'Deployment.apps "old" is invalid: unknown field "spec.replica", did you mean "replicas"?'),
    ("patch-wrong-type", f"patch.{OLD_DEPLOYMENT}", {"spec": {"replicas": "3"}}, 422,
     'Deployment.apps "old" is invalid: spec.replicas: must be a whole number ≥ 0, found "3"'),
    ("patch-text", f"patch.{OLD_DEPLOYMENT}", "x", 400, "a merge patch must be a mapping"),
    ("patch-empty", f"patch.{OLD_DEPLOYMENT}", None, 400, "a merge patch must be a mapping"),
    ("json-patch-path", f"patch.{OLD_DEPLOYMENT}", [{"op": "remove", "path": "/spec/nothing"}], 422,
     "the patch cannot be applied: operation 0 (remove /spec/nothing): there is no /spec/nothing"),
    ("json-patch-below-nothing", f"patch.{OLD_DEPLOYMENT}",
     [{"op": "add", "path": "/metadata/annotations/a", "value": "b"}], 422,
     "the patch cannot be applied: operation 0 (add /metadata/annotations/a): there is no /metadata/annotations"),
    ("json-patch-below-a-text", f"patch.{OLD_DEPLOYMENT}",
     [{"op": "add", "path": "/metadata/name/0", "value": "b"}], 422,
     'the patch cannot be applied: operation 0 (add /metadata/name/0): /metadata/name is "old", which has no members'),
    ("json-patch-from-nothing", f"patch.{OLD_DEPLOYMENT}",
     [{"op": "move", "from": "/spec/a/b", "path": "/spec/paused"}], 422,
     "the patch cannot be applied: operation 0 (move /spec/paused): there is no /spec/a"),
    ("json-patch-of-all", f"patch.{OLD_DEPLOYMENT}", [{"op": "remove", "path": ""}], 422,
     "the patch cannot be applied: operation 0 (remove ): it cannot be done to the object as a whole"),
    ("json-patch-test", f"patch.{OLD_DEPLOYMENT}", [{"op": "test", "path": "/spec/replicas", "value": 9}], 422,
     "the patch cannot be applied: operation 0 (test /spec/replicas): the value there is not the tested one"),
    ("json-patch-op", f"patch.{OLD_DEPLOYMENT}", [{"op": "replac", "path": "/spec"}], 400,
     "the patch is not valid: operation 0: op must be one of add, remove, replace, move, copy, test, found \"replac\", "
     'did you mean "replace"?'),
    ("json-patch-without-value", f"patch.{OLD_DEPLOYMENT}", [{"op": "add", "path": "/spec/replicas"}], 400,
     'the patch is not valid: operation 0 (add): "value" is missing'),
    ("json-patch-pointer", f"patch.{OLD_DEPLOYMENT}", [{"op": "remove", "path": "spec"}], 400,
     'the patch is not valid: operation 0 (remove): "path" must be a path such as /spec/replicas, found "spec"'),
    ("json-patch-operation", f"patch.{OLD_DEPLOYMENT}", ["remove"], 400,
     "the patch is not valid: operation 0: must be a mapping with op and path"),
    ("json-patch-root", f"patch.{OLD_DEPLOYMENT}", [{"op": "replace", "path": "", "value": 3}], 422,
     "the patch cannot be applied: operation 0 (replace ): what remains is not an object"),
    ("json-patch-bomb", f"patch.{OLD_DEPLOYMENT}", [{"op": "copy", "from": "/spec",
     "path": f"/spec/x{n}"} for n in range(16)], 422,
     "the patch cannot be applied: operation 8 (copy /spec/x8): the object grows too large"),
    ("json-patch-too-long", f"patch.{OLD_DEPLOYMENT}", [{"op": "remove", "path": "/x"}] * 1001, 400,
     "the patch has 1001 operations, at most 1000 are allowed"),
    ("scale-negative", "patch.apps.deployments/scale.default.old", {"spec": {"replicas": -3}}, 422,
     'Deployment.apps "old" is invalid: spec.replicas: must be a whole number ≥ 0, found -3'),
    ("scale-of-nothing", "patch.apps.deployments/scale.default.none", {"spec": {"replicas": 3}}, 404,
     'deployments.apps "none" not found'),
    ("status-wrong-type", "patch.core.pods/status.default.old", {"status": {"phase": "Great"}}, 422,
     'Pod "old" is invalid: status.phase: must be one of "Pending", "Running", "Succeeded", "Failed", "Unknown", '
     'found "Great"'),
    ("bind-nowhere", "create.core.pods/binding.default.old", {"target": {}}, 422,
     'Pod "old" is invalid: target.name: Required value'),
    ("bind-without-target", "create.core.pods/binding.default.old", {}, 422,
     'Pod "old" is invalid: target: Required value'),
    ("bind-to-a-pod", "create.core.pods/binding.default.old", {"target": {"kind": "Pod", "name": "p"}}, 422,
     'Pod "old" is invalid: target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"'),
    ("bind-again", "create.core.pods/binding.default.bound", {"target": {"name": "n2"}}, 409,
     'Operation cannot be fulfilled on pods/binding "bound": pod bound is already assigned to node "n1"'),
    ("bind-to-no-name", "create.core.pods/binding.default.old", {"target": {"name": "No_Node"}}, 422,
     f'Pod "old" is invalid: target.name: Invalid value: "No_Node": {SUBDOMAIN}'),
    ("bind-another", "create.core.pods/binding.default.old", {"metadata": {"uid": "u"}, "target": {"name": "n2"}}, 409,
     'Operation cannot be fulfilled on pods "old": Precondition failed: UID in precondition: u, UID in object meta: '
     "<uid>"),
    ("scale-another", "update.apps.deployments/scale.default.old", {"metadata": {"uid": "u"}, "spec": {"replicas": 1}},
     409, 'Operation cannot be fulfilled on deployments.apps "old": Precondition failed: UID in precondition: u, UID '
     "in object meta: <uid>"),
    ("bind-nothing", "create.core.pods/binding.default.none", {"target": {"name": "n2"}}, 404, 'pods "none" not found'),
    ("delete-nothing", "delete.core.pods.default.none", None, 404, 'pods "none" not found'),
    ("delete-other-uid", "delete.core.pods.default.old", {"preconditions": {"uid": "u"}}, 409,
     'Operation cannot be fulfilled on pods "old": Precondition failed: UID in precondition: u, UID in object '
     "meta: <uid>"),
    ("delete-default", "delete.core.namespaces.default", None, 403,
     'namespaces "default" is forbidden: this namespace may not be deleted'),
    ("delete-long-grace", "delete.core.pods.default.old", {"gracePeriodSeconds": 2**40}, 400,
     f"gracePeriodSeconds: must be at most 2147483647, found {2**40}"),
    ("delete-grace", "delete.core.pods.default.old", {"gracePeriodSeconds": -5}, 400,
     'gracePeriodSeconds: must be a whole number ≥ 0, found -5'),
    ("delete-policy", "delete.core.pods.default.old", {"propagationPolicy": "background"}, 400,
     'propagationPolicy: must be one of "Background", "Foreground", "Orphan", found "background"'),
    ("delete-option", "delete.core.pods.default.old", {"gracePeriod": 5}, 400,
     'unknown option "gracePeriod" for delete, did you mean "gracePeriodSeconds"?'),
    ("delete-precondition", "delete.core.pods.default.old", {"preconditions": {"UID": "u"}}, 400,
     'unknown precondition "UID", did you mean "uid"?'),
    ("delete-all-namespaces", "deletecollection.core.namespaces", None, 405, "namespaces are deleted one by one"),
    ("delete-everywhere", "deletecollection.core.pods._", None, 405,
     "pods are deleted in one namespace at a time, name it in the subject"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "body", "code", "message"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES]
)
async def test_a_change_that_is_refused(
    filled: Cluster, caplog: pytest.LogCaptureFixture, request_: str, body: Any, code: int, message: str
) -> None:
    answer = await check(filled, caplog, request_, body, {})
    assert answer["message"] == message
    assert answer["code"] == code


# Requests that cannot be read or served: (case, request, raw body, headers, code, message).
REQUESTS: list[tuple[str, str, bytes, dict[str, str], int, str]] = [
    ("short-subject", "list", b"", {}, 400, f'the subject "sp.api.list" is not a request: write {FORM}'),
    ("unknown-verb", "fetch.core.pods.default.p", b"", {}, 405, 'unknown verb "fetch", did you mean "watch"?'),
    ("upper-verb", "GET.core.pods.default.p", b"", {}, 405, 'unknown verb "GET", did you mean "get"?'),
    ("unknown-resource", "list.core.pod.default", b"", {}, 404,
     'the server could not find the requested resource "core.pod", did you mean "pods"?'),
    ("short-name", "list.core.po.default", b"", {}, 404,
     'the server could not find the requested resource "core.po", did you mean "pods"?'),
    ("wrong-group", "list.core.deployments.default", b"", {}, 404,
     'the server could not find the requested resource "core.deployments", did you mean "apps.deployments"?'),
    ("no-such-thing", "list.batch.works.default", b"", {}, 404,
     'the server could not find the requested resource "batch.works"'),
    ("unknown-subresource", "get.core.pods/logs.default.p", b"", {}, 404, 'pods has no subresource "logs"'),
    ("subresource-verb", "delete.core.pods/status.default.p", b"", {}, 405,
     "pods/status takes get and update and patch, not delete"),
    ("get-without-name", "get.core.pods.default", b"", {}, 400, f"a name is needed to get a pod: write {FORM}"),
    ("get-without-namespace", "get.core.pods._.p", b"", {}, 400,
     f"an empty namespace may not be set when a pod is named: write {FORM}"),
    ("list-with-name", "list.core.pods.default.p", b"", {}, 400,
     'list takes no name, found "p": use the field selector metadata.name=p'),
    ("discover-nothing", "get.meta.versions._", b"", {}, 404,
     'the server could not find the requested resource "meta.versions", did you mean "version"?'),
    ("get-nothing", "get.core.pods.default.none", b"", {}, 404, 'pods "none" not found'),
    ("not-json", "create.core.pods.default", b"{", {}, 400,
     "the request body is not valid JSON: Expecting property name enclosed in double quotes at line 1 column 2"),
    ("yaml", "create.core.pods.default", b"kind: Pod", {}, 400,
     "the request body is not valid JSON: Expecting value at line 1 column 1"),
    ("nothing", "create.core.pods.default", b"", {}, 400,
     "the request body must be the object to create, found nothing"),
    ("a-list", "create.core.pods.default", b"[]", {}, 400,
     "the request body must be the object to create, found a list"),
    ("a-text", "update.core.pods.default.p", b'"x"', {}, 400,
     "the request body must be the object to update, found a string"),
    ("invalid-utf8", "create.core.pods.default", b'{"kind": "\xff"}', {}, 400,
     "the request body is not valid UTF-8: byte 0xff at position 10"),
    ("half-a-surrogate", "create.core.configmaps.default", b'{"metadata":{"name":"x"},"data":{"a":"\\ud800"}}', {}, 400,
     "the request body is not valid Unicode: it holds half of a surrogate pair"),
    ("key-twice", "create.core.pods.default", b'{"kind": "Pod", "kind": "Node"}', {}, 400,
     'the request body has the key "kind" twice'),
    ("not-a-number", "create.core.pods.default", b'{"a": NaN}', {}, 400,
     "the request body is not valid JSON: NaN is not a number in JSON"),
    ("huge-number", "create.core.pods.default", b'{"a": 99999999999999999999999}', {}, 400,
     "the request body holds a whole number of more than 64 bits"),
    ("absurd-number", "create.core.pods.default", b'{"a": ' + b"9" * 10_000 + b"}", {}, 400,
     "the request body holds a whole number of more than 64 bits"),
    ("deep", "create.core.pods.default", b"[" * 100_000 + b"]" * 100_000, {}, 400,
     "the request body is nested too deeply"),
    ("rather-deep", "create.core.pods.default", b'{"a":' * 100 + b"1" + b"}" * 100, {}, 400,
     "the request body is nested more than 60 levels deep"),
    ("two-megabytes", "create.core.configmaps.default",
     json.dumps({"metadata": {"name": "x"}, "data": {"a": "x" * 2_000_000}}).encode(), {}, 413,
     "the request has 2000046 bytes, the limit is 1572864 (an object may have 1048576)"),
    ("too-large-to-store", "create.core.configmaps.default",
     json.dumps({"metadata": {"name": "x", "annotations": {"a": "x" * 100_000}},
     "data": {"a": "x" * 1_000_000}}).encode(),
     {}, 413, "the object is too large, at most 1048576 bytes are stored"),
    ("truncated-msgpack", "create.core.pods.default", msgpack.packb(pod())[:-5], MSGPACK, 400,
     "the request body is not valid msgpack: it is cut short"),
    ("msgpack-with-more-behind", "create.core.pods.default", msgpack.packb(pod()) + b"\x00", MSGPACK, 400,
     "the request body is not valid msgpack: there is more behind its end"),
    ("json-as-msgpack", "create.core.pods.default", json.dumps(pod()).encode(), MSGPACK, 400,
     "the request body is not valid msgpack: there is more behind its end"),
    ("msgpack-as-json", "create.core.pods.default", msgpack.packb(pod()), {}, 400,
     "the request body is not valid UTF-8: byte 0x84 at position 0"),
    ("msgpack-bytes", "create.core.configmaps.default", msgpack.packb({"data": {"a": b"x"}}), MSGPACK, 400,
     "the request body holds a value of type bytes, which JSON does not have"),
    ("msgpack-keys", "create.core.configmaps.default", msgpack.packb({"data": {1: "x"}}), MSGPACK, 400,
     "the request body has a key that is not a string: 1"),
    ("msgpack-key-twice", "create.core.configmaps.default", b"\x82\xa4data\xc0\xa4data\xc0", MSGPACK, 400,
     'the request body has the key "data" twice'),
    ("msgpack-key-that-is-a-list", "create.core.configmaps.default", b"\x81\x90\xc0", MSGPACK, 400,
     "the request body is not valid msgpack: unhashable type: 'list'"),
    ("msgpack-infinity", "create.apps.deployments.default", msgpack.packb({"spec": {"replicas": float("inf")}}),
     MSGPACK,
     400, "the request body holds a number that is not finite"),
    ("msgpack-invalid-utf8", "create.core.configmaps.default", b"\x81\xa1\xff\x01", MSGPACK, 400,
     "the request body is not valid msgpack: a text in it is not UTF-8"),
    ("content-type", "create.core.pods.default", b"", {"Content_Type": "application/yaml"}, 415,
     'Content-Type: "application/yaml" is not spoken here, send application/json or application/msgpack'),
    ("patch-type", f"patch.{OLD_POD}", b"{}", {"Content_Type": "application/strategic-merge-patch+json"}, 415,
     'Content-Type: "application/strategic-merge-patch+json" is no patch that is spoken here, send '
     "application/json-patch+json, application/json-patch+msgpack, application/merge-patch+json, "
     "application/merge-patch+msgpack"),
    ("patch-form", f"patch.{OLD_POD}", b"[]", MERGE, 400, "a merge patch must be a mapping"),
    ("accept", "list.core.pods.default", b"", {"Accept": "application/protobuf"}, 415,
     'Accept: "application/protobuf" is not spoken here, ask for application/json, application/msgpack or '
     "application/json;as=Table"),
    ("options-list", "list.core.pods.default", b"[]", {}, 400,
     "the request body must be a mapping of options, or empty"),
    ("options-header", "list.core.pods.default", b"", {"Sp_Options": "limit"}, 400,
     'Sp-Options: not a query string such as dryRun=All&limit=5: "limit"'),
    ("unknown-option", "list.core.pods.default", b'{"labelselector": "a=b"}', {}, 400,
     'unknown option "labelselector" for list, did you mean "labelSelector"?'),
    ("label-selector", "list.core.pods.default", b'{"labelSelector": "a in b"}', {}, 400,
     "unable to parse label selector 'a in b': found 'b', expected: '('"),
    ("label-selector-type", "list.core.pods.default", b'{"labelSelector": {"a": "b"}}', {}, 400,
     "labelSelector: must be a string, found a mapping"),
    ("field-selector", "list.core.pods.default", b'{"fieldSelector": "spec.image=x"}', {}, 400,
     '"spec.image" is not a known field selector for Pod: only "metadata.name", "metadata.namespace", "spec.nodeName", '
     '"spec.restartPolicy", "status.phase", "status.podIP"'),
    ("field-selector-form", "list.core.pods.default", b'{"fieldSelector": "status.phase"}', {}, 400,
     "invalid field selector 'status.phase': cannot read 'status.phase', write path=value or path!=value"),
    ("limit", "list.core.pods.default", b'{"limit": -1}', {}, 400, "limit: must be a whole number ≥ 0, found -1"),
    ("limit-flag", "list.core.pods.default", b'{"limit": true}', {}, 400,
     "limit: must be a whole number ≥ 0, found true"),
    ("limit-fraction", "list.core.pods.default", b'{"limit": 1.5}', {}, 400,
     "limit: must be a whole number ≥ 0, found 1.5"),
    ("limit-in-the-header", "list.core.pods.default", b"", {"Sp_Options": "limit=some"}, 400,
     'limit: must be a whole number ≥ 0, found "some"'),
    ("continue", "list.core.pods.default", b'{"continue": "next"}', {}, 400,
     'continue: "next" is not a token that a list gave'),
    ("resource-version", "list.core.pods.default", b'{"resourceVersion": "latest"}', {}, 400,
     'resourceVersion: must be a number that the API gave, found "latest"'),
    ("dry-run", "create.core.pods.default", json.dumps(pod()).encode(), {"Sp_Options": "dryRun=true"}, 400,
     'dryRun: must be "All", found "true"'),
    ("field-validation", "create.core.pods.default", json.dumps(pod()).encode(),
     {"Sp_Options": "fieldValidation=Ignore"},
     400, 'fieldValidation: only "Strict" is offered, found "Ignore"'),
    ("watch-option", "watch.core.pods.default", b'{"timeoutSeconds": "soon"}', {}, 400,
     'timeoutSeconds: must be a whole number ≥ 0, found "soon"'),
    ("kind-of-another",
     "create.core.pods.default", b'{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "x"}}', {},
     400, "the kind in the data (Node) does not match the expected kind (Pod)"),
    ("version-of-another", "create.apps.deployments.default",
     b'{"apiVersion": "extensions/v1beta1", "kind": "Deployment", "metadata": {"name": "x"}}', {}, 400,
     "the apiVersion in the data (extensions/v1beta1) does not match the expected apiVersion (apps/v1)"),
    ("other-namespace", "create.core.pods.default",
     json.dumps(meta(namespace="kube-system")).encode(), {}, 400,
     "the namespace of the provided object does not match the namespace sent on the request (kube-system is not "
     "default)"),
    ("no-namespace", "create.core.pods._", json.dumps(pod()).encode(), {}, 400,
     "an empty namespace may not be set during creation"),
    ("other-name", "update.core.pods.default.q", json.dumps(pod()).encode(), {}, 404, 'pods "q" not found'),
    ("name-mismatch", "update.core.pods.default.old", json.dumps(pod()).encode(), {}, 400,
     "the name of the object (p) does not match the name on the request (old)"),
    ("revision-of-a-new-one", "create.core.pods.default", json.dumps(meta(resourceVersion="5")).encode(), {}, 400,
     "resourceVersion should not be set on objects to be created"),
    ("unknown-namespace", "create.core.pods.nowhere", json.dumps(pod()).encode(), {}, 404,
     'namespaces "nowhere" not found'),
    ("ending-namespace", "create.core.pods.ending", json.dumps(pod()).encode(), {}, 403,
     'pods "p" is forbidden: unable to create new content in namespace ending because it is being terminated'),
    ("there-already", "create.core.pods.default", json.dumps(pod("old")).encode(), {}, 409,
     'pods "old" already exists'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "body", "headers", "code", "message"),
    [case[1:] for case in REQUESTS],
    ids=[case[0] for case in REQUESTS],
)
async def test_a_request_that_cannot_be_served(
    filled: Cluster,
    caplog: pytest.LogCaptureFixture,
    request_: str,
    body: bytes,
    headers: dict[str, str],
    code: int,
    message: str,
) -> None:
    answer = await check(filled, caplog, request_, body, headers)
    assert answer["message"] == message
    assert answer["code"] == code


HUGE = "x y" * 300_000


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        ("create.core.pods.default", meta(name=HUGE)),
        ("create.core.pods.default", meta(namespace=HUGE)),
        ("create.core.pods.default", meta(labels={HUGE: HUGE})),
        ("create.core.pods.default", meta(finalizers=[HUGE])),
        ("create.core.pods.default", {**pod(), HUGE: 1}),
        ("create.core.pods.default", {**pod(), "kind": HUGE}),
        ("create.core.pods.default", pod(restartPolicy=HUGE)),
        ("create.core.pods.default", container(name=HUGE)),
        ("create.core.pods.default", container(resources={"limits": {"cpu": HUGE}})),
        ("create.core.pods.default", container(resources={"limits": {HUGE: "1"}})),
        ("create.core.pods.default", container(resources={"limits": {"cpu": [HUGE]}})),
        ("create.core.pods.default", container(env=[{"name": HUGE}])),
        ("create.core.pods.default", pod(containers=[{}] * 50_000)),
        ("create.core.configmaps.default", {**NAMED, "data": {HUGE: "x"}}),
        ("create.core.configmaps.default", {**NAMED, "data": {f"/{n}": "x" for n in range(50_000)}}),
        ("create.apps.deployments.default", deployment(strategy={"rollingUpdate": {"maxSurge": HUGE}})),
        ("update.core.pods.default.old", {**pod("old"), "metadata": {"name": HUGE}}),
        ("update.core.pods.default.old", {**pod("old"), "metadata": {"uid": HUGE}}),
        ("update.core.pods.default.old", {**pod("old"), "metadata": {"resourceVersion": HUGE}}),
        ("patch.core.pods.default.old", [{"op": "remove", "path": f"/{HUGE}"}]),
        ("patch.core.pods.default.old", [{"op": HUGE, "path": "/x"}]),
        ("create.core.pods/binding.default.old", {"metadata": {"name": HUGE}, "target": {"name": "n"}}),
        ("create.core.pods/binding.default.old", {"target": {"name": "n", "kind": HUGE}}),
        ("list.core.pods.default", {"labelSelector": HUGE}),
        ("list.core.pods.default", {"fieldSelector": HUGE}),
        ("list.core.pods.default", {"fieldSelector": f"{HUGE.replace(' ', '')}=x"}),
        ("list.core.pods.default", {"continue": HUGE}),
        ("list.core.pods.default", {"resourceVersion": HUGE}),
        ("list.core.pods.default", {"resourceVersion": "9" * 100_000}),
        ("list.core.pods.default", {HUGE: ""}),
        ("delete.core.pods.default.old", {"preconditions": {"uid": HUGE}}),
        ("delete.core.pods.default.old", {"preconditions": {"resourceVersion": HUGE}}),
        ("delete.core.pods.default.old", {"propagationPolicy": HUGE}),
    ],
)
async def test_a_huge_mistake_has_a_short_answer(
    filled: Cluster, caplog: pytest.LogCaptureFixture, request_: str, body: Any
) -> None:
    answer = await check(filled, caplog, request_, body, {})
    assert len(json.dumps(answer)) < 30_000
    assert len(answer["message"]) < 10_000


async def test_more_entries_than_any_object_needs(filled: Cluster) -> None:
    body = {**NAMED, "data": {f"k{n}": "x" for n in range(5_001)}}
    assert (await filled.refused("create.core.configmaps.default", body))[2] == (
        'ConfigMap "x" is invalid: data: too many entries, an object may have 5000'
    )


async def test_all_mistakes_of_an_object_are_told_at_once(filled: Cluster) -> None:
    body = deployment(replicas=-1, paused="x", strateg={})
    answer = await filled.call("create.apps.deployments.default", body)
    assert [cause["field"] for cause in answer["details"]["causes"]] == ["spec.strateg", "spec.replicas", "spec.paused"]
    assert answer["message"] == (
        'Deployment.apps "web" is invalid: [unknown field "spec.strateg", did you mean "strategy"?, '
        "spec.replicas: must "
        'be a whole number ≥ 0, found -1, spec.paused: must be true or false, found "x"]'
    )


async def test_a_fault_of_ours_is_one_line_in_the_log_and_tells_the_caller_nothing(
    filled: Cluster, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(filled.replicas[0].mirror, "get", fail)
    assert await filled.refused("get.core.pods.default.old") == (
        500,
        "InternalError",
        "an internal error occurred; the control plane's log has a line about it",
    )
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1 and errors[0].exc_info is None and "\n" not in errors[0].getMessage()

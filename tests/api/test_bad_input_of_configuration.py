"""Secrets, and what pods take from them: what is made of good input, and the exact message for bad one."""

from __future__ import annotations

import base64
from typing import Any, get_args

import pytest

from proto.capabilities import CAPABILITIES
from proto.objects.security import RlimitName
from tests.api.cluster import Cluster, Raw, cluster, pod
from tests.api.test_bad_input import CONFIG_KEY, SUBDOMAIN

SECRETS = "core.secrets.default"
CAPS = ", ".join(f'"{name}"' for name in ("ALL", *CAPABILITIES))
RLIMITS = ", ".join(f'"{name}"' for name in get_args(RlimitName))
RESOURCES = ", ".join(
    f'"{side}.{name}"' for side in ("limits", "requests") for name in ("cpu", "memory", "ephemeral-storage", "pids")
)
HIDDEN = "<secret contents redacted>"


def secret(name: str = "x", **fields: Any) -> Raw:
    return {"metadata": {"name": name}, **fields}


def typed(kind: str, **texts: str) -> Raw:
    return secret(type=f"kubernetes.io/{kind}", stringData=texts)


def variable(source: Raw) -> Raw:
    return pod("x", containers=[{"name": "c", "command": ["true"], "env": [{"name": "A", "valueFrom": source}]}])


def env_from(source: Raw) -> Raw:
    return pod("x", containers=[{"name": "c", "command": ["true"], "envFrom": [source]}])


ENV = "spec.containers[0].env[0].valueFrom"
FROM = "spec.containers[0].envFrom[0]"

BAD_SECRETS = [
    ("base64", secret(data={"a": "open sesame"}), f'data[a]: Invalid value: "{HIDDEN}": must be base64'),
    ("key", secret(stringData={"a/b": "c"}), f'data[a/b]: Invalid value: "a/b": {CONFIG_KEY}'),
    ("number", secret(stringData={"port": 80}), "stringData.port: must be a string, found 80"),
    ("tls-empty", typed("tls"), ["data[tls.crt]: Required value", "data[tls.key]: Required value"]),
    ("tls-half", secret(type="kubernetes.io/tls", stringData={"tls.crt": ""}), "data[tls.key]: Required value"),
    ("ssh", typed("ssh-auth"), "data[ssh-privatekey]: Required value"),
    ("basic", typed("basic-auth"), ["data[username]: Required value", "data[password]: Required value"]),
    ("docker", typed("dockerconfigjson"), "data[.dockerconfigjson]: Required value"),
    (
        "docker-no-json",
        secret(type="kubernetes.io/dockerconfigjson", stringData={".dockerconfigjson": "{"}),
        f'data[.dockerconfigjson]: Invalid value: "{HIDDEN}": must be JSON',
    ),
    (
        "account",
        typed("service-account-token"),
        "metadata.annotations[kubernetes.io/service-account.name]: Required value",
    ),
    (
        "large",
        secret(data={"a": base64.b64encode(b"x" * (1024 * 1024 + 1)).decode()}),
        "data: Too long: may not be more than 1048576 bytes",
    ),
    ("misspelt", secret(stringdata={"a": "b"}), 'unknown field "stringdata", did you mean "stringData"?'),
]

BAD_PODS = [
    ("no-name", variable({"secretKeyRef": {"key": "a"}}), f"{ENV}.secretKeyRef.name: Required value"),
    (
        "name",
        variable({"secretKeyRef": {"name": "A", "key": "a"}}),
        f'{ENV}.secretKeyRef.name: Invalid value: "A": {SUBDOMAIN}',
    ),
    ("no-key", variable({"secretKeyRef": {"name": "a"}}), f"{ENV}.secretKeyRef.key: Required value"),
    (
        "key",
        variable({"secretKeyRef": {"name": "a", "key": "a b"}}),
        f'{ENV}.secretKeyRef.key: Invalid value: "a b": {CONFIG_KEY}',
    ),
    (
        "two",
        variable({"secretKeyRef": {"name": "a", "key": "a"}, "configMapKeyRef": {"name": "a", "key": "a"}}),
        f'{ENV}: Invalid value: "": may not have more than one field specified at a time',
    ),
    (
        "divisor",
        variable({"resourceFieldRef": {"resource": "limits.memory", "divisor": "some"}}),
        f"{ENV}.resourceFieldRef.divisor: Invalid value: \"some\": 'some' is not a quantity: write a number with an "
        "optional suffix, such as 500m, 2, 64Mi or 1G",
    ),
    (
        "resource",
        variable({"resourceFieldRef": {"resource": "limits.disk"}}),
        f'{ENV}.resourceFieldRef.resource: Unsupported value: "limits.disk": supported values: {RESOURCES}',
    ),
    ("from-no-name", env_from({"secretRef": {}}), f"{FROM}.secretRef.name: Required value"),
    ("from-name", env_from({"secretRef": {"name": "-"}}), f'{FROM}.secretRef.name: Invalid value: "-": {SUBDOMAIN}'),
    (
        "from-two",
        env_from({"secretRef": {"name": "a"}, "configMapRef": {"name": "a"}}),
        f'{FROM}: Invalid value: "": may not have more than one field specified at a time',
    ),
]


def secured(**context: Any) -> Raw:
    return pod("x", containers=[{"name": "c", "command": ["true"], "securityContext": context}])


OWN = "spec.containers[0].securityContext"
BAD_CONTEXTS = [
    ("user", secured(runAsUser=-1), f"{OWN}.runAsUser: must be a whole number ≥ 0, found -1"),
    ("user-name", secured(runAsUser="web"), f'{OWN}.runAsUser: must be a whole number ≥ 0, found "web"'),
    ("group", secured(runAsGroup=2**31), f"{OWN}.runAsGroup: must be at most 2147483647, found 2147483648"),
    ("pod-group", pod("x", securityContext={"supplementalGroups": [-5]}),
     "spec.securityContext.supplementalGroups[0]: must be a whole number ≥ 0, found -5"),
    ("policy", pod("x", securityContext={"supplementalGroupsPolicy": "None"}),
     'spec.securityContext.supplementalGroupsPolicy: must be one of "Merge", "Strict", found "None"'),
    ("non-root", secured(runAsNonRoot="yes"), f'{OWN}.runAsNonRoot: must be true or false, found "yes"'),
    ("rlimit", secured(rlimits=[{"name": "files", "soft": 1}]), f"{OWN}.rlimits[0].name: must be one of {RLIMITS}, "
     'found "files"'),
    ("rlimit-soft", secured(rlimits=[{"name": "nofile"}]), f"{OWN}.rlimits[0].soft: Required value"),
    ("rlimit-over", secured(rlimits=[{"name": "nofile", "soft": 2, "hard": 1}]),
     f"{OWN}.rlimits[0].soft: Invalid value: 2: must be less than or equal to hard limit of 1"),
    ("rlimit-unlimited", secured(rlimits=[{"name": "nofile", "soft": -1, "hard": 1}]),
     f"{OWN}.rlimits[0].soft: Invalid value: -1: must be less than or equal to hard limit of 1"),
    ("rlimit-twice", secured(rlimits=[{"name": "nofile", "soft": 1}, {"name": "nofile", "soft": 2}]),
     f'{OWN}.rlimits[1].name: Duplicate value: "nofile"'),
    ("capability", secured(capabilities={"add": ["CAP_CHOWN"]}),
     f'{OWN}.capabilities.add[0]: Unsupported value: "CAP_CHOWN": supported values: {CAPS}'),
    ("privileged", secured(privileged=True, allowPrivilegeEscalation=False),
     f'{OWN}: Invalid value: "": cannot set `allowPrivilegeEscalation` to false and `privileged` to true'),
    ("seccomp", secured(seccompProfile={"type": "Strict"}),
     f'{OWN}.seccompProfile.type: must be one of "Unconfined", "RuntimeDefault", "Localhost", found "Strict"'),
    ("seccomp-file", secured(seccompProfile={"type": "Localhost"}),
     f"{OWN}.seccompProfile.localhostProfile: Required value: must be set when the type is Localhost"),
    ("apparmor-file", pod("x", securityContext={"appArmorProfile": {"type": "Unconfined", "localhostProfile": "a"}}),
     'spec.securityContext.appArmorProfile.localhostProfile: Invalid value: "a": can only be set when the type is '
     "Localhost"),
    ("sysctl", pod("x", securityContext={"sysctls": [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}]}),
     'spec.securityContext.sysctls[1].name: Duplicate value: "a"'),
    ("two-namespaces", pod("x", hostPID=True, shareProcessNamespace=True),
     "spec.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled"),
    ("rlimit-below-none", secured(rlimits=[{"name": "nofile", "soft": -5}]),
     f"{OWN}.rlimits[0].soft: must be a whole number ≥ 0, or -1 for no limit, found -5"),
    ("misspelt", secured(runAsUsr=1), f'unknown field "{OWN}.runAsUsr", did you mean "runAsUser"?'),
]  # fmt: skip


def mounted(*mounts: Raw, **source: Any) -> Raw:
    container = {"name": "c", "command": ["true"], "volumeMounts": list(mounts)}
    return pod("x", containers=[container], volumes=[{"name": "v", **source}])


def saying(mount: Raw = {"name": "v", "mountPath": "/w"}, **more: Any) -> Raw:  # noqa: B006
    described = mounted(mount, emptyDir={})
    described["spec"]["containers"][0].update(more)
    return described


def inside(path: str) -> Raw:
    return mounted(configMap={"name": "c", "items": [{"key": "k", "path": path}]})


VOLUME, MOUNT = "spec.volumes[0]", "spec.containers[0].volumeMounts"
SAYING = "spec.containers[0].terminationMessage"
ITEM = f"{VOLUME}.configMap.items[0].path"
BAD_VOLUMES = [
    ("two-sources", mounted(emptyDir={}, hostPath={"path": "/x"}),
     f"{VOLUME}.hostPath: Forbidden: may not specify more than 1 volume type"),
    ("no-config-map", mounted(configMap={}), f"{VOLUME}.configMap.name: Required value"),
    ("no-secret", mounted(secret={}), f"{VOLUME}.secret.secretName: Required value"),
    ("mode", mounted(secret={"secretName": "s", "defaultMode": 512}),
     f"{VOLUME}.secret.defaultMode: must be between 0 and 0777 (octal), found 512, which is 01000"),
    ("path-of-the-volume", inside("./"), f'{ITEM}: Invalid value: "./": must be the path of a file'),
    ("path-nul", inside("a\0b"), f'{ITEM}: Invalid value: "a\\u0000b": must not contain the NUL character'),
    ("host-path-nul", mounted(hostPath={"path": "/a\0b"}),
     f'{VOLUME}.hostPath.path: Invalid value: "/a\\u0000b": must not contain the NUL character'),
    ("one-path-twice", mounted(projected={"sources": [
        {"configMap": {"name": "c", "items": [{"key": "k", "path": "x"}]}},
        {"secret": {"name": "s", "items": [{"key": "k", "path": "y"}, {"key": "l", "path": "./x"}]}},
     ]}), f'{VOLUME}.projected.sources[1].secret.items[1].path: Invalid value: "./x": conflicting duplicate paths'),
    ("medium", mounted(emptyDir={"medium": "Tape"}),
     f'{VOLUME}.emptyDir.medium: must be one of "", "Memory", found "Tape"'),
    ("size", mounted(emptyDir={"sizeLimit": "-1Mi"}),
     f'{VOLUME}.emptyDir.sizeLimit: Invalid value: "-1Mi": must be greater than or equal to 0'),
    ("size-no-quantity", mounted(emptyDir={"sizeLimit": "much"}),
     f"{VOLUME}.emptyDir.sizeLimit: 'much' is not a quantity: write a number with an optional suffix, such as 500m, 2, "
     "64Mi or 1G"),
    ("host-path-relative", mounted(hostPath={"path": "x"}),
     f'{VOLUME}.hostPath.path: Invalid value: "x": must be an absolute path'),
    ("host-path-back", mounted(hostPath={"path": "/x/../y"}),
     f"{VOLUME}.hostPath.path: Invalid value: \"/x/../y\": must not contain '..'"),
    ("path-absolute", inside("/a"), f'{ITEM}: Invalid value: "/a": must be a relative path'),
    ("path-back", inside("a/../b"), f"{ITEM}: Invalid value: \"a/../b\": must not contain '..'"),
    ("path-of-ours", inside("..data"), f"{ITEM}: Invalid value: \"..data\": must not start with '..'"),
    ("downward-nothing", mounted(downwardAPI={"items": [{"path": "a"}]}),
     f"{VOLUME}.downwardAPI.items[0]: Required value: one of fieldRef and resourceFieldRef is required"),
    ("downward-container", mounted(downwardAPI={"items": [{"path": "a",
                                            "resourceFieldRef": {"resource": "limits.cpu"}}]}),
     f"{VOLUME}.downwardAPI.items[0].resourceFieldRef.containerName: Required value"),
    ("downward-divisor", mounted(downwardAPI={"items": [{"path": "a", "resourceFieldRef": {
        "containerName": "c", "resource": "limits.cpu", "divisor": "1Mi"}}]}),
     f'{VOLUME}.downwardAPI.items[0].resourceFieldRef.divisor: Invalid value: "1Mi": '
     "only divisor's values 1m, 1 are supported with the cpu resource"),
    ("projected-two", mounted(projected={"sources": [{"configMap": {"name": "c"}, "secret": {"name": "s"}}]}),
     f"{VOLUME}.projected.sources[0]: Forbidden: may not specify more than 1 volume type"),
    ("mount-unknown", mounted({"name": "w", "mountPath": "/w"}, emptyDir={}), f'{MOUNT}[0].name: Not found: "w"'),
    ("mount-relative", mounted({"name": "v", "mountPath": "w"}, emptyDir={}),
     f'{MOUNT}[0].mountPath: Invalid value: "w": must be an absolute path'),
    ("mount-twice", mounted({"name": "v", "mountPath": "/w"}, {"name": "v", "mountPath": "/w"}, emptyDir={}),
     f'{MOUNT}[1].mountPath: Invalid value: "/w": must be unique'),
    ("mount-twice-in-other-words", mounted({"name": "v", "mountPath": "/w"}, {"name": "v", "mountPath": "/x/../w/"},
                                           emptyDir={}),
     f'{MOUNT}[1].mountPath: Invalid value: "/x/../w/": must be unique'),
    ("mount-root-in-other-words", mounted({"name": "v", "mountPath": "/x/.."}, emptyDir={}),
     f'{MOUNT}[0].mountPath: Invalid value: "/x/..": must not be the root of the file system'),
    ("mount-root", mounted({"name": "v", "mountPath": "/"}, emptyDir={}),
     f'{MOUNT}[0].mountPath: Invalid value: "/": must not be the root of the file system'),
    ("sub-path", mounted({"name": "v", "mountPath": "/w", "subPath": "../x"}, emptyDir={}),
     f"{MOUNT}[0].subPath: Invalid value: \"../x\": must not contain '..'"),
    ("sub-path-nul", mounted({"name": "v", "mountPath": "/w", "subPath": "x\0"}, emptyDir={}),
     f'{MOUNT}[0].subPath: Invalid value: "x\\u0000": must not contain the NUL character'),
    ("sub-path-expr", mounted({"name": "v", "mountPath": "/w", "subPathExpr": "/$(X)"}, emptyDir={}),
     f'{MOUNT}[0].subPathExpr: Invalid value: "/$(X)": must be a relative path'),
    ("sub-paths", mounted({"name": "v", "mountPath": "/w", "subPath": "x", "subPathExpr": "y"}, emptyDir={}),
     f'{MOUNT}[0].subPathExpr: Invalid value: "y": subPathExpr and subPath are mutually exclusive'),
    ("propagation", mounted({"name": "v", "mountPath": "/w", "mountPropagation": "Both"}, emptyDir={}),
     f'{MOUNT}[0].mountPropagation: must be one of "None", "HostToContainer", "Bidirectional", found "Both"'),
    ("read-only-below", mounted({"name": "v", "mountPath": "/w", "recursiveReadOnly": "Enabled"}, emptyDir={}),
     f"{MOUNT}[0].recursiveReadOnly: Forbidden: may only be specified when readOnly is true"),
    ("message-policy", saying(terminationMessagePolicy="Log"),
     f'{SAYING}Policy: must be one of "File", "FallbackToLogsOnError", found "Log"'),
    ("message-path", saying(terminationMessagePath=["/x"]), f'{SAYING}Path: must be a string, found a list'),
    ("message-nul", saying(terminationMessagePath="/x\0"),
     f'{SAYING}Path: Invalid value: "/x\\u0000": must not contain the NUL character'),
    ("message-at-the-root", saying(terminationMessagePath="x/.."),
     f'{SAYING}Path: Invalid value: "x/..": must be the path of a file, not the root of the file system'),
    ("message-at-a-volume", saying(terminationMessagePath="w/"),
     f'{SAYING}Path: Invalid value: "w/": must not be the place of a volume: volumeMounts[0] is mounted at /w'),
    ("message-above-a-volume", saying({"name": "v", "mountPath": "/x/y"}, terminationMessagePath="/x"),
     f'{SAYING}Path: Invalid value: "/x": must not be above a volume, as it is a file: volumeMounts[0] is mounted at '
     "/x/y"),
]  # fmt: skip

BAD = [
    *(("core.pods.default", "Pod", *row) for row in BAD_VOLUMES),
    *(("core.pods.default", "Pod", *row) for row in BAD_CONTEXTS),
    *((SECRETS, "Secret", *row) for row in BAD_SECRETS),
    *(("core.pods.default", "Pod", *row) for row in BAD_PODS),
]


@pytest.mark.parametrize(
    ("resource", "kind", "body", "problems"),
    [(resource, kind, body, problems) for resource, kind, _, body, problems in BAD],
    ids=[f"{row[1]}-{row[2]}" for row in BAD],
)
async def test_refused(resource: str, kind: str, body: Raw, problems: str | list[str]) -> None:
    async with cluster(max_payload_bytes=8 * 1024 * 1024) as api:
        before = api.revision
        code, reason, told = await api.refused(f"create.{resource}", body)
        assert (code, reason) == (422, "Invalid")
        several = problems if isinstance(problems, list) else []
        message = f"[{', '.join(several)}]" if several else problems
        assert told == f'{kind} "x" is invalid: {message}'
        assert api.revision == before


async def stored(api: Cluster, name: str) -> Raw:
    return await api.ok(f"get.{SECRETS}.{name}")


async def test_a_secret_changes_by_its_texts_and_keeps_its_type() -> None:
    async with cluster() as api:
        made = await api.ok(f"create.{SECRETS}", secret(data={"a": "MA=="}, stringData={"a": "1"}))
        assert (made["type"], made["data"]) == ("Opaque", {"a": "MQ=="}) and "stringData" not in made
        await api.ok(f"patch.{SECRETS}.x", {"stringData": {"b": "2"}})
        found = await stored(api, "x")
        assert found["data"] == {"a": "MQ==", "b": "Mg=="} and "stringData" not in found
        refusal = await api.refused(f"patch.{SECRETS}.x", {"type": "mine"})
        assert refusal[2] == 'Secret "x" is invalid: type: Invalid value: "mine": field is immutable'


@pytest.mark.parametrize(
    ("patch", "field"),
    [({"stringData": {"a": "2"}}, "data"), ({"data": {"a": None}}, "data"), ({"immutable": None}, "immutable")],
    ids=["text", "key", "immutable"],
)
async def test_an_immutable_secret_stays_as_it_is(patch: Raw, field: str) -> None:
    async with cluster() as api:
        await api.ok(f"create.{SECRETS}", secret(stringData={"a": "1"}, immutable=True))
        _, _, told = await api.refused(f"patch.{SECRETS}.x", patch)
        assert told == f'Secret "x" is invalid: {field}: Forbidden: field is immutable when `immutable` is set'
        await api.ok(f"patch.{SECRETS}.x", {"metadata": {"labels": {"may": "change"}}})

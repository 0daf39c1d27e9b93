"""From security contexts to what a driver is told, and what a node refuses before it starts anything."""

from __future__ import annotations

from typing import Any

import pytest

from node_agent.plan.config import Config
from node_agent.plan.environment import Host
from node_agent.plan.launch import Hold, Launch, prepare
from node_agent.plan.security import NO_VIEWS, Account, folder_owner
from node_agent.runtime.port import Security
from tests.agent.pods import pod

ROOT = Account()
USER = Account(1000, 1000, frozenset({1000, 27}), views=False)
USER_WITH_NAMESPACES = Account(1000, 1000, frozenset({1000, 27}))


def prepared(own: dict[str, Any], common: dict[str, Any], agent: Account) -> Launch | Hold:
    described = pod("web", {"command": ["serve"], "securityContext": own}, securityContext=common)
    return prepare(described, described.spec.containers[0], Config(), {}, Host("n", "10.0.0.1", account=agent))


CASES = [
    ("nothing", {}, {}, Security()),
    ("pod", {}, {"runAsUser": 7, "runAsGroup": 8}, Security(uid=7, gid=8)),
    ("container-counts-more", {"runAsUser": 1}, {"runAsUser": 7, "runAsGroup": 8}, Security(uid=1, gid=8)),
    ("root-by-container", {"runAsUser": 0}, {"runAsUser": 7}, Security(uid=0)),
    ("groups", {}, {"supplementalGroups": [5, 6], "fsGroup": 9}, Security(groups=(5, 6, 9))),
    ("strict", {}, {"supplementalGroupsPolicy": "Strict"}, Security(groups=(), own_groups=False)),
    ("no-escalation", {"allowPrivilegeEscalation": False}, {}, Security(no_new_privileges=True)),
    ("escalation", {"allowPrivilegeEscalation": True}, {}, Security()),
    (
        "capabilities",
        {"capabilities": {"add": ["CHOWN"], "drop": ["ALL"]}},
        {},
        Security(add_capabilities=("CHOWN",), drop_capabilities=("ALL",)),
    ),
    (
        "rlimits",
        {"rlimits": [{"name": "nofile", "soft": 10}, {"name": "core", "soft": 0, "hard": -1}]},
        {},
        Security(rlimits=(("nofile", 10, 10), ("core", 0, -1))),
    ),
    ("read-only", {"readOnlyRootFilesystem": True}, {}, Security(read_only_root=True)),
    ("privileged", {"privileged": True}, {}, Security()),
    (
        "unconfined-after-all",
        {"seccompProfile": {"type": "Unconfined"}},
        {"seccompProfile": {"type": "RuntimeDefault"}},
        Security(),
    ),
    ("as-it-is-anyway", {"privileged": False, "procMount": "Unmasked"}, {"fsGroupChangePolicy": "Always"}, Security()),
    ("no-root-with-user", {"runAsNonRoot": True, "runAsUser": 5}, {}, Security(uid=5)),
    ("no-root-taken-back", {"runAsNonRoot": False}, {"runAsNonRoot": True}, Security()),
]


@pytest.mark.parametrize(("own", "common", "security"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_a_driver_is_told(own: dict[str, Any], common: dict[str, Any], security: Security) -> None:
    launch = prepared(own, common, ROOT)
    assert isinstance(launch, Launch) and launch.security == security


def test_what_is_the_machines_anyway_may_be_asked_for() -> None:
    shares = {"hostPID": True, "hostIPC": True, "hostNetwork": True, "shareProcessNamespace": False, "hostUsers": True,
              "os": {"name": "linux"}}  # fmt: skip
    described = pod("web", **shares)
    assert isinstance(prepare(described, described.spec.containers[0], Config(), {}, Host("n", "::1")), Launch)


NO_PROFILE = "the programs of this node run without one: leave it out, or say Unconfined"
UNKEPT = [
    ({"seccompProfile": {"type": "RuntimeDefault"}}, {},
     f"securityContext.seccompProfile: RuntimeDefault: {NO_PROFILE}"),
    ({}, {"seccompProfile": {"type": "Localhost", "localhostProfile": "a.json"}},
     f"securityContext.seccompProfile: Localhost a.json: {NO_PROFILE}"),
    ({"appArmorProfile": {"type": "RuntimeDefault"}}, {},
     f"securityContext.appArmorProfile: RuntimeDefault: {NO_PROFILE}"),
    ({"seLinuxOptions": {"level": "s0"}}, {},
     "securityContext.seLinuxOptions: the programs of this node cannot be given a label of SELinux"),
    ({}, {"windowsOptions": {"runAsUserName": "x"}}, "securityContext.windowsOptions: this node runs Linux"),
    ({}, {"sysctls": [{"name": "net.core.somaxconn", "value": "1"}]},
     "securityContext.sysctls: net.core.somaxconn: the kernel's parameters on this node are the machine's, "
     "not a pod's"),
]  # fmt: skip


@pytest.mark.parametrize(("own", "common", "message"), UNKEPT, ids=[case[2].split(":")[0] for case in UNKEPT])
@pytest.mark.parametrize("agent", [ROOT, USER], ids=["root", "user"])
def test_what_no_process_can_have_is_refused(
    own: dict[str, Any], common: dict[str, Any], message: str, agent: Account
) -> None:
    assert prepared(own, common, agent) == Hold("CreateContainerError", message)


@pytest.mark.parametrize(
    ("mount", "spec", "message"),
    [
        ({}, {"hostUsers": False},
         "hostUsers: the programs of this node have the machine's users, and cannot be given others"),
        ({}, {"os": {"name": "windows"}}, "os: this node runs Linux, not windows"),
        ({}, {"runtimeClassName": "gvisor"},
         "runtimeClassName: this node has one way to run programs, and no class gvisor"),
        ({"mountPropagation": "Bidirectional"}, {},
         "volumeMounts: v: mountPropagation: what programs of this node mount is theirs alone"),
        ({"readOnly": True, "recursiveReadOnly": "Enabled"}, {},
         "volumeMounts: v: recursiveReadOnly: this node makes only the mount itself read-only"),
    ],
)  # fmt: skip
def test_what_no_view_can_have_is_refused(mount: dict[str, Any], spec: dict[str, Any], message: str) -> None:
    mounts = [{"name": "v", "mountPath": "/v", **mount}]
    described = pod("web", {"command": ["x"], "volumeMounts": mounts}, volumes=[{"name": "v", "emptyDir": {}}], **spec)
    launch = prepare(described, described.spec.containers[0], Config(), {}, Host("n", "10.0.0.1"))
    assert launch == Hold("CreateContainerError", message)


WHO = '(pod: "web_default(u-web)", container: app)'
NOT_ROOT = "this node's agent runs as user 1000, not as root, and"
REFUSED = [
    ("root-by-default", ROOT, {"runAsNonRoot": True}, {}, "CreateContainerConfigError",
     f"container has runAsNonRoot and would run as root, as the node's agent does: set runAsUser {WHO}"),
    ("root-by-number", USER, {}, {"runAsNonRoot": True, "runAsUser": 0}, "CreateContainerConfigError",
     f"container's runAsUser breaks non-root policy {WHO}"),
    ("user", USER, {"runAsUser": 5}, {}, "CreateContainerError",
     f"securityContext.runAsUser: {NOT_ROOT} cannot run a program as user 5"),
    ("group", USER, {"runAsGroup": 5}, {}, "CreateContainerError",
     f"securityContext.runAsGroup: {NOT_ROOT} cannot run a program as group 5"),
    ("further-group", USER, {}, {"fsGroup": 5}, "CreateContainerError",
     f"securityContext.supplementalGroups, fsGroup: {NOT_ROOT} cannot put a program into group 5"),
    ("add", USER, {"capabilities": {"add": ["NET_ADMIN"]}}, {}, "CreateContainerError",
     f"securityContext.capabilities.add: {NOT_ROOT} has no NET_ADMIN to give"),
    ("drop", USER, {"capabilities": {"drop": ["ALL"]}}, {}, "CreateContainerError",
     f"securityContext.capabilities.drop: {NOT_ROOT} can keep that only with allowPrivilegeEscalation: false"),
    ("privileged", USER, {"privileged": True}, {}, "CreateContainerError",
     f"securityContext.privileged: {NOT_ROOT} has no more rights to give"),
    ("read-only", USER, {"readOnlyRootFilesystem": True}, {}, "CreateContainerError",
     f"securityContext.readOnlyRootFilesystem: {NOT_ROOT} {NO_VIEWS}"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("agent", "own", "common", "reason", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_a_node_cannot_keep_is_said_at_once(
    agent: Account, own: dict[str, Any], common: dict[str, Any], reason: str, message: str
) -> None:
    assert prepared(own, common, agent) == Hold(reason, message)


def test_an_agent_that_is_not_root_keeps_what_needs_no_right() -> None:
    own = {"runAsUser": 1000, "runAsGroup": 1000, "runAsNonRoot": True, "allowPrivilegeEscalation": False,
           "capabilities": {"drop": ["ALL"]}, "rlimits": [{"name": "nofile", "soft": 10}]}  # fmt: skip
    assert isinstance(prepared(own, {"fsGroup": 27}, USER), Launch)


IN_MEMORY = "volumes: v: emptyDir.medium: this node's agent runs as user 1000, not as root, and can mount no memory"


@pytest.mark.parametrize(
    ("agent", "volume", "refusal"),
    [
        (USER, {"emptyDir": {}}, f"volumeMounts: {NOT_ROOT} {NO_VIEWS}"),
        (USER_WITH_NAMESPACES, {"emptyDir": {}}, None),
        (USER_WITH_NAMESPACES, {"emptyDir": {"medium": "Memory"}}, IN_MEMORY),
    ],
    ids=["no-namespaces", "namespaces", "memory"],
)
def test_which_volumes_an_agent_that_is_not_root_has(agent: Account, volume: dict[str, Any], refusal: str) -> None:
    own = {"command": ["x"], "securityContext": {"readOnlyRootFilesystem": agent.views},
           "volumeMounts": [{"name": "v", "mountPath": "/v"}]}  # fmt: skip
    described = pod("web", own, volumes=[{"name": "v", **volume}])
    launch = prepare(described, described.spec.containers[0], Config(), {}, Host("n", "10.0.0.1", account=agent))
    assert launch == Hold("CreateContainerError", refusal) if refusal else isinstance(launch, Launch)


def test_a_file_for_a_message_needs_a_view_as_volumes_do() -> None:
    described = pod("web", {"command": ["x"], "terminationMessagePath": "x"})
    container = described.spec.containers[0]
    refused = prepare(described, container, Config(), {}, Host("n", "10.0.0.1", account=USER))
    assert refused == Hold("CreateContainerError", f"terminationMessagePath: {NOT_ROOT} {NO_VIEWS}")
    launch = prepare(described, container, Config(), {}, Host("n", "10.0.0.1", account=USER_WITH_NAMESPACES))
    assert isinstance(launch, Launch) and launch.message_path == "/x"


@pytest.mark.parametrize(
    ("common", "own", "owner"),
    [({}, {}, (-1, -1)), ({"fsGroup": 9}, {"runAsUser": 5}, (5, 9)), ({"runAsUser": 7}, {"runAsUser": 5}, (7, -1))],
    ids=["agent", "container", "pod"],
)
def test_whose_the_pods_own_folder_is(common: dict[str, Any], own: dict[str, Any], owner: tuple[int, int]) -> None:
    assert folder_owner(pod("web", {"securityContext": own}, securityContext=common)) == owner

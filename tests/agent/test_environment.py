"""A container's environment and command."""

from __future__ import annotations

import os
from typing import Any

import pytest

from node_agent.plan.config import Config
from node_agent.plan.environment import Host
from node_agent.plan.expansion import expand
from node_agent.plan.launch import Hold, Launch, prepare
from node_agent.plan.surroundings import surroundings_of
from proto.objects.meta import evolve
from proto.objects.pod import Pod
from tests.agent.pods import pod

HOST = Host(
    node="node-1",
    address="10.0.0.1",
    allocatable={"cpu": "3500m", "memory": "4Gi"},
    base_env={"PATH": "/bin"},
    pids_limit=4096,
)
USER = {"runAsUser": 7}
CONFIG = Config(
    config_maps={"settings": {"level": "debug", "colour": "red"}},
    secrets={"passwords": {"admin": "czNjcmV0", "raw": "//7/"}},
)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("plain", "plain"),
        ("$(A)", "one"),
        ("<$(A)|$(B)>", "<one|two>"),
        ("$(MISSING)", "$(MISSING)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$one"),
        ("$$$$(A)", "$$(A)"),
        ("$A", "$A"),
        ("$", "$"),
        ("$(A", "$(A"),
        ("$()", "$()"),
        ("100$$", "100$"),
        ("$(REF)", "$(A)"),
    ],
)
def test_expansion(text: str, expanded: str) -> None:
    assert expand(text, {"A": "one", "B": "two", "REF": "$(A)"}) == expanded


def web(**container: Any) -> Pod:
    described = pod("web", {"command": ["serve"], **container})
    return evolve(described, **{"metadata.labels": {"app": "web"}, "metadata.annotations": {"note": "hello"}})


def launch(of: Pod, config: Config = CONFIG) -> Launch:
    prepared = prepare(of, of.spec.containers[0], config, {"app/0": 20001, "app/1": 20002}, HOST)
    assert isinstance(prepared, Launch), prepared
    return prepared


def problem(of: Pod, config: Config = CONFIG) -> str:
    prepared = prepare(of, of.spec.containers[0], config, {}, HOST)
    assert isinstance(prepared, Hold) and prepared.reason == "CreateContainerConfigError"
    return prepared.message


def test_later_variables_win_and_see_earlier_ones() -> None:
    env = [
        {"name": "level", "value": "info"},
        {"name": "A", "value": "$(level)-$(colour)-$(LATER)"},
        {"name": "LATER", "value": "x"},
        {"name": "EMPTY"},
    ]
    made = launch(web(envFrom=[{"configMapRef": {"name": "settings"}}], env=env)).env
    assert made["level"] == "info"
    assert made["A"] == "info-red-$(LATER)"
    assert made["EMPTY"] == ""
    assert made["PATH"] == "/bin"


@pytest.mark.parametrize(
    ("name", "hostname"), [("db-0", "db-0"), ("x" * 64, "x" * 63), ("x" * 61 + "-.0", "x" * 61)], ids=len
)
def test_the_host_name_is_that_of_the_pod(name: str, hostname: str) -> None:
    named = evolve(web(), **{"metadata.name": name})
    assert launch(named).env["HOSTNAME"] == hostname
    assert launch(evolve(web(env=[{"name": "HOSTNAME", "value": "mine"}]))).env["HOSTNAME"] == "mine"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "web"),
        ("metadata.namespace", "default"),
        ("metadata.uid", "u-web"),
        ("metadata.labels['app']", "web"),
        ("metadata.labels['none']", ""),
        ("metadata.annotations['note']", "hello"),
        ("spec.nodeName", "node-1"),
        ("status.hostIP", "10.0.0.1"),
        ("status.podIP", "10.0.0.1"),
    ],
)
def test_downward_fields(path: str, value: str) -> None:
    env = [{"name": "IT", "valueFrom": {"fieldRef": {"fieldPath": path}}}]
    assert launch(web(env=env)).env["IT"] == value


RESOURCES = {"limits": {"cpu": "1500m", "memory": "100Mi"}, "requests": {"cpu": "250m", "memory": "64Mi"}}


@pytest.mark.parametrize(
    ("resources", "resource", "divisor", "value"),
    [
        (RESOURCES, "limits.cpu", "0", "2"),
        (RESOURCES, "limits.cpu", "1m", "1500"),
        (RESOURCES, "requests.cpu", "1", "1"),
        (RESOURCES, "limits.memory", "1Mi", "100"),
        (RESOURCES, "limits.memory", "1", "104857600"),
        (RESOURCES, "requests.memory", "1Gi", "1"),
        ({}, "limits.cpu", "1", "4"),
        ({}, "limits.memory", "1Gi", "4"),
        ({}, "requests.cpu", "1", "0"),
    ],
)
def test_resource_fields(resources: dict[str, Any], resource: str, divisor: str, value: str) -> None:
    reference = {"resourceFieldRef": {"resource": resource, "divisor": divisor}}
    env = [{"name": "IT", "valueFrom": reference}]
    assert launch(web(env=env, resources=resources)).env["IT"] == value


def key_of(name: str, key: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": "IT", "valueFrom": {"configMapKeyRef": {"name": name, "key": key, **more}}}]


def test_a_config_map_key() -> None:
    assert launch(web(env=key_of("settings", "level"))).env["IT"] == "debug"


@pytest.mark.parametrize("name", ["settings", "none"])
def test_an_optional_reference_is_left_out(name: str) -> None:
    made = launch(web(env=key_of(name, "none", optional=True), envFrom=[
        {"configMapRef": {"name": "none", "optional": True}}
    ])).env  # fmt: skip
    assert "IT" not in made


def secret_key(name: str, key: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": "IT", "valueFrom": {"secretKeyRef": {"name": name, "key": key, **more}}}]


def test_a_secret_key() -> None:
    assert launch(web(env=secret_key("passwords", "admin"))).env["IT"] == "s3cret"
    assert "IT" not in launch(web(env=secret_key("passwords", "none", optional=True))).env
    assert "IT" not in launch(web(env=secret_key("none", "admin", optional=True))).env


def test_a_secret_that_is_no_text_arrives_byte_by_byte() -> None:
    assert os.fsencode(launch(web(env=secret_key("passwords", "raw"))).env["IT"]) == b"\xff\xfe\xff"


def test_env_from_with_a_prefix() -> None:
    sources = [
        {"prefix": "CFG_", "configMapRef": {"name": "settings"}},
        {"prefix": "PW_", "secretRef": {"name": "passwords"}},
        {"secretRef": {"name": "none", "optional": True}},
    ]
    made = launch(web(envFrom=sources)).env
    assert made["CFG_level"] == "debug" and "level" not in made
    assert made["PW_admin"] == "s3cret" and "admin" not in made


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"env": key_of("none", "a")}, 'configmap "none" not found'),
        ({"env": key_of("settings", "a")}, "couldn't find key a in ConfigMap default/settings"),
        ({"envFrom": [{"configMapRef": {"name": "none"}}]}, 'configmap "none" not found'),
        ({"env": secret_key("none", "a")}, 'secret "none" not found'),
        ({"env": secret_key("passwords", "a")}, "couldn't find key a in Secret default/passwords"),
        ({"envFrom": [{"secretRef": {"name": "none"}}]}, 'secret "none" not found'),
        (
            {"env": [{"name": "IT", "valueFrom": {"fieldRef": {"fieldPath": "spec.magic"}}}]},
            "unsupported fieldPath: spec.magic",
        ),
        (
            {"env": [{"name": "IT", "valueFrom": {"resourceFieldRef": {"resource": "limits.gpu"}}}]},
            "unsupported container resource: limits.gpu",
        ),
        (
            {"env": [{"name": "IT", "valueFrom": {}}]},
            "valueFrom of variable IT has no source that this version knows",
        ),
        (
            {"envFrom": [{"prefix": "IT_"}]},
            "an entry of envFrom has no source that this version knows: configMapRef, secretRef",
        ),
        ({"command": []}, 'container "app" has no command: without an image there is none to fall back on'),
        ({"command": [""]}, 'the command of container "app" is empty'),
        ({"command": ["a\0b"]}, 'the command of container "app" contains a NUL character'),
    ],
)
def test_what_cannot_be_resolved_says_so(container: dict[str, Any], message: str) -> None:
    assert problem(web(**container)) == message


def test_command_and_args_are_expanded() -> None:
    made = launch(web(command=["serve", "--on=$(PORT)"], args=["$(level)", "$$(level)"], ports=[{"containerPort": 0}],
                      envFrom=[{"configMapRef": {"name": "settings"}}]))  # fmt: skip
    assert made.argv == ("serve", "--on=20001", "debug", "$(level)")


def test_args_alone_are_the_command() -> None:
    assert launch(web(command=[], args=["serve"])).argv == ("serve",)


@pytest.mark.parametrize(
    ("ports", "variables"),
    [
        ([], {}),
        ([{"containerPort": 8080}], {"PORT": "8080", "PORT_0": "8080"}),
        (
            [{"containerPort": 0, "name": "http"}, {"containerPort": 0, "name": "my-admin"}],
            {"PORT": "20001", "PORT_HTTP": "20001", "PORT_MY_ADMIN": "20002"},
        ),
        ([{"containerPort": 0, "hostPort": 99, "name": "http"}], {"PORT": "99", "PORT_HTTP": "99"}),
    ],
    ids=["none", "fixed", "free", "host port"],
)
def test_ports_are_passed(ports: list[dict[str, Any]], variables: dict[str, str]) -> None:
    made = launch(web(ports=ports)).env
    assert {name: value for name, value in made.items() if name.startswith("PORT")} == variables


def test_limits_reach_the_runtime() -> None:
    limits = launch(web(resources=RESOURCES)).limits
    assert limits.memory_bytes == 100 * 2**20
    assert (limits.cpu_millis, limits.cpu_request_millis, limits.pids) == (1500, 250, 4096)
    bare = launch(web(resources={"limits": {"cpu": "1", "pids": "10"}})).limits
    assert (bare.memory_bytes, bare.cpu_millis, bare.cpu_request_millis, bare.pids) == (None, 1000, 1000, 10)


def test_without_a_free_port_it_waits_and_looks_again() -> None:
    of = web(ports=[{"containerPort": 0}])
    held = prepare(of, of.spec.containers[0], CONFIG, {}, HOST)
    assert isinstance(held, Hold)
    assert (held.reason, held.retry_s) == ("NoFreePort", 10.0)


def test_a_value_that_no_program_can_be_given() -> None:
    assert problem(web(env=key_of("odd", "key")), Config({"odd": {"key": "a\0b"}})) == (
        "the value of variable IT contains a NUL character"
    )


def test_a_program_of_another_user_has_not_the_agents_home() -> None:
    host = Host("n", "a", base_env={"HOME": "/root", "PATH": "/bin"})
    homes = []
    for context in ({}, {"runAsUser": 0}, USER):
        own = web(securityContext=context)
        prepared = prepare(own, own.spec.containers[0], CONFIG, {}, host)
        assert isinstance(prepared, Launch)
        homes.append(prepared.env.get("HOME"))
    assert homes == ["/root", "/root", None]


def test_a_command_beside_a_program_is_given_what_can_still_be_told() -> None:
    env = [
        *key_of("gone", "level"),
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "passwords", "key": "admin"}}},
        {"name": "SHOWN", "value": "$(PASSWORD) $(IT)"},
    ]
    own = web(env=env, envFrom=[{"configMapRef": {"name": "gone"}}], workingDir="/$(PASSWORD)", securityContext=USER)
    assert problem(own) == 'configmap "gone" not found'
    given = surroundings_of(own, own.spec.containers[0], CONFIG, {}, HOST)
    assert {name: given.env.get(name) for name in ("IT", "PASSWORD", "SHOWN")} == {
        "IT": None,
        "PASSWORD": "s3cret",
        "SHOWN": "s3cret $(IT)",
    }
    assert (given.working_dir, given.uid) == ("/s3cret", 7)

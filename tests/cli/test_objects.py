"""Applying, listing, describing, scaling and deleting, by the real program against a real cluster."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import WEB, Setpoint

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_deployment_lives_from_apply_to_delete(setpoint: Setpoint, manifest: Path) -> None:
    assert (await setpoint("apply", "-f", str(manifest))).out == "deployment.apps/web created\n"
    followed = await setpoint("rollout", "status", "deployment/web", "--timeout", "30")
    assert followed.out.splitlines()[-1] == 'deployment "web" successfully rolled out'
    assert (await setpoint("apply", "-f", str(manifest))).out == "deployment.apps/web unchanged\n"

    table = (await setpoint("get", "deploy")).out.splitlines()
    assert table[0].split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert table[1].split()[:4] == ["web", "2/2", "2", "2"]

    pods = (await setpoint("get", "po", "-l", "app=web", "-o", "name")).out.split()
    assert len(pods) == 2
    assert all(pod.startswith("pod/web-") for pod in pods)

    scaled = await setpoint("scale", "deploy/web", "--replicas=3")
    assert scaled.out == "deployment.apps/web scaled\n"
    await setpoint("rollout", "status", "deploy", "web", "--timeout", "30")
    assert len((await setpoint("get", "pods", "-l", "app=web", "--no-headers")).out.splitlines()) == 3

    described = (await setpoint("describe", "deployment", "web")).out
    assert "3 desired | 3 updated | 3 total | 3 available | 0 unavailable" in described
    assert "ScalingReplicaSet" in described

    manifest.write_text(WEB.replace("replicas: 2", "replicas: 1"))
    assert (await setpoint("apply", "-f", str(manifest))).out == "deployment.apps/web configured\n"
    assert (await setpoint("delete", "-f", str(manifest), "--cascade", "foreground")).out == (
        'deployment.apps "web" deleted\n'
    )
    left = await setpoint("get", "pods", "-l", "app=web")
    assert (left.out, left.err) == ("", "No resources found in default namespace.\n")


async def test_output_forms(setpoint: Setpoint) -> None:
    as_json = json.loads((await setpoint("get", "ns", "default", "-o", "json")).out)
    assert (as_json["kind"], as_json["metadata"]["name"]) == ("Namespace", "default")
    listed = json.loads((await setpoint("get", "namespaces", "-o", "json")).out)
    assert listed["kind"] == "List"
    assert {item["metadata"]["name"] for item in listed["items"]} >= {"default", "kube-system"}
    assert "kind: Namespace" in (await setpoint("get", "ns/default", "-o", "yaml")).out
    assert (await setpoint("get", "no", "-o", "name")).out == "node/m1\nnode/m2\n"
    wide = (await setpoint("get", "nodes", "-o", "wide")).out.splitlines()[0]
    assert "INTERNAL-IP" in wide
    several = (await setpoint("get", "ns,no")).out
    assert "namespace/default" in several
    assert "node/m1" in several


async def test_stdin_folders_and_several_documents(setpoint: Setpoint, tmp_path: Path) -> None:
    document = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {0}}}\ndata: {{a: b}}\n"
    piped = await setpoint("apply", "-f", "-", stdin=document.format("one") + "---\n" + document.format("two"))
    assert piped.out == "configmap/one created\nconfigmap/two created\n"
    (tmp_path / "three.yaml").write_text(document.format("three"))
    (tmp_path / "notes.txt").write_text("not a manifest")
    assert (await setpoint("apply", "-f", str(tmp_path))).out == "configmap/three created\n"
    deleted = await setpoint("delete", "cm", "one", "two", "three")
    assert deleted.out.splitlines() == [f'configmap "{name}" deleted' for name in ("one", "two", "three")]


async def test_cordon_and_uncordon(setpoint: Setpoint) -> None:
    assert (await setpoint("cordon", "m2")).out == "node/m2 cordoned\n"
    assert (await setpoint("cordon", "m2")).out == "node/m2 already cordoned\n"
    assert "Ready,SchedulingDisabled" in (await setpoint("get", "node", "m2")).out
    assert (await setpoint("uncordon", "m2")).out == "node/m2 uncordoned\n"


async def test_a_watch_prints_what_changes(setpoint: Setpoint) -> None:
    process = await setpoint.start("get", "cm", "-w", "-l", "watched=yes", "-o", "name")
    assert process.stdout is not None
    try:
        seen = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: seen, labels: {watched: 'yes'}}\n"
        await setpoint("apply", "-f", "-", stdin=seen)
        assert await process.stdout.readline() == b"configmap/seen\n"
        await setpoint("delete", "cm", "seen")
        assert await process.stdout.readline() == b"configmap/seen\n"
    finally:
        process.terminate()
        await process.wait()


async def test_warnings_are_shown_and_the_object_is_made(setpoint: Setpoint) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: warned}\nspec:\n  subdomain: web\n" + (
        "  containers: [{name: main, command: [sleep, '100']}]\n  terminationGracePeriodSeconds: 0\n"
    )
    outcome = await setpoint("apply", "-f", "-", stdin=pod)
    assert outcome.out == "pod/warned created\n"
    assert outcome.err.startswith("Warning: spec.subdomain")
    await setpoint("delete", "pod", "warned")


MISTAKES = [
    pytest.param(["get", "gadgets"], 'there is no resource "gadgets"', id="unknown resource"),
    pytest.param(["get", "pod", "nope"], 'pods "nope" not found', id="no such pod"),
    pytest.param(["get", "podz"], 'did you mean "pod"?', id="misspelt resource"),
    pytest.param(["get", "pods", "-l", "a=b=c"], "setpoint get: ", id="bad selector"),
    pytest.param(["describe", "pod", "nope"], 'pods "nope" not found', id="describe nothing"),
    pytest.param(["scale", "deploy/nope", "--replicas=1"], "not found", id="scale nothing"),
    pytest.param(["scale", "deploy/x", "--replicas=-1"], "--replicas: must be 0 or more, found -1", id="negative"),
    pytest.param(["scale", "cm/x", "--replicas=1"], "configmaps have no replicas to scale", id="scale a configmap"),
    pytest.param(["delete", "pods"], "name the pods to delete, choose them with --selector, or say --all", id="all?"),
    pytest.param(["apply", "-f", "/nonexistent.yaml"], "/nonexistent.yaml: there is no such file", id="no such file"),
    pytest.param(["rollout", "status", "pod/x"], "pods have no rollouts: name a deployment", id="rollout of a pod"),
    pytest.param(["cordon", "nope"], 'nodes "nope" not found', id="cordon nothing"),
    pytest.param(["logs", "nope"], 'pods "nope" not found', id="logs of nothing"),
    pytest.param(["get", "pods", "--nats", "nats://127.0.0.1:1"], "cannot reach the NATS server", id="no server"),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES)
async def test_a_mistake_is_one_line_on_stderr_and_status_1(setpoint: Setpoint, words: list[str], message: str) -> None:
    outcome = await setpoint(*words, ok=False)
    assert outcome.status == 1
    assert outcome.out == ""
    assert message in outcome.err
    assert outcome.err.startswith(f"setpoint {words[0]}: ")
    assert outcome.err.count("\n") == 1


BAD_MANIFESTS = [
    pytest.param("apiversion: v1\nkind: Pod\nmetadata: {name: x}\n", 'found "apiversion"', id="misspelt apiVersion"),
    pytest.param("apiVersion: v1\nkind: Pdo\nmetadata: {name: x}\n", 'did you mean "Pod"?', id="misspelt kind"),
    pytest.param("apiVersion: v1\nkind: Deployment\nmetadata: {name: x}\n", 'is in "apps/v1"', id="wrong group"),
    pytest.param("a: 1\na: 2\n", "stdin:2", id="duplicate key"),
    pytest.param("a: [1\n", "stdin:", id="broken YAML"),
    pytest.param("just text\n", "stdin", id="no mapping"),
    pytest.param("", "no objects in -", id="empty"),
    pytest.param("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Bad_Name}\n", "metadata.name", id="bad name"),
]


@pytest.mark.parametrize(("text", "message"), BAD_MANIFESTS)
async def test_a_bad_manifest_is_refused_in_one_line(setpoint: Setpoint, text: str, message: str) -> None:
    outcome = await setpoint("apply", "-f", "-", stdin=text, ok=False)
    assert outcome.status == 1
    assert message in outcome.err
    assert outcome.err.count("\n") == 1


WRONG_CALLS = [
    pytest.param(["bogus"], 'setpoint: unknown verb "bogus"', id="no such verb"),
    pytest.param(["gte"], 'did you mean "get"?', id="misspelt verb"),
    pytest.param(["get"], "setpoint get: the following arguments are required: resource", id="nothing to get"),
    pytest.param(["get", "pods", "-o", "xml"], 'found "xml"', id="unknown format"),
    pytest.param(["get", "pods", "--bogus"], "unrecognized arguments: --bogus", id="unknown flag"),
    pytest.param(["scale", "deploy/web"], "required: --replicas", id="scale to what"),
    pytest.param(["scale", "deploy/web", "--replicas=x"], "invalid int value: 'x'", id="scale to a word"),
    pytest.param(["rollout"], "setpoint rollout: ", id="rollout of nothing"),
    pytest.param(["completion", "csh"], "invalid choice: 'csh'", id="unknown shell"),
]


@pytest.mark.parametrize(("words", "message"), WRONG_CALLS)
async def test_a_wrong_call_is_one_line_on_stderr_and_status_1(
    setpoint: Setpoint, words: list[str], message: str
) -> None:
    outcome = await setpoint(*words, ok=False)
    assert (outcome.status, outcome.out) == (1, "")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1


async def test_no_verb_at_all_shows_the_help(setpoint: Setpoint) -> None:
    assert (await setpoint()).out.startswith("usage: setpoint VERB")


async def test_versions_resources_and_completion(setpoint: Setpoint) -> None:
    assert [line.partition(":")[0] for line in (await setpoint("version")).out.splitlines()] == [
        "Client version",
        "Server version",
    ]
    assert re.search(r"^deployments +deploy ", (await setpoint("api-resources")).out, re.MULTILINE)
    for shell in ("bash", "zsh", "fish"):
        assert "rollout" in (await setpoint("completion", shell)).out

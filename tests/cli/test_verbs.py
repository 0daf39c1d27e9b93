"""Plan, diff, wait, create, run, edit, label, annotate, set, patch, replace: the real program on a real cluster."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import WEB, Setpoint

pytestmark = pytest.mark.asyncio(loop_scope="session")


def named(name: str) -> str:
    """The Deployment of two pods under another name."""
    return WEB.replace("name: web", f"name: {name}", 1).replace("app: web", f"app: {name}")


async def test_a_plan_tells_what_would_be_and_writes_nothing(setpoint: Setpoint, tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(named("planned"))
    before = (await setpoint("get", "deploy", "-o", "json")).out
    planned = await setpoint("plan", "-f", str(path), ok=False)
    assert (planned.status, planned.err) == (1, "")
    assert planned.out.splitlines() == [
        "deployment.apps/planned would be created",
        "  + 2 pods would be created: 1 on m1, 1 on m2",
        "",
        "Plan: 1 to create, 0 to change, 0 unchanged; pods: 2 to create, 0 to delete.",
    ]
    assert (await setpoint("get", "deploy", "-o", "json")).out == before

    await setpoint("apply", "-f", str(path))
    await setpoint("rollout", "status", "deploy/planned", "--timeout", "30")
    same = await setpoint("plan", "-f", str(path))
    assert same.out.splitlines()[0] == "deployment.apps/planned unchanged"

    path.write_text(named("planned").replace("replicas: 2", "replicas: 3").replace("echo started", "echo begun"))
    changed = await setpoint("plan", "-f", str(path), ok=False)
    assert changed.status == 1
    assert "  ~ spec.replicas: 2 → 3" in changed.out.splitlines()
    assert "~ spec.template.spec.containers[main].command[2]: " in changed.out
    assert "pods: 3 to create, 2 to delete." in changed.out
    as_json = json.loads((await setpoint("plan", "-f", str(path), "-o", "json", ok=False)).out)
    assert [each["action"] for each in as_json["objects"]] == ["changed"]
    assert len(as_json["pods"]["created"]) == 3
    await setpoint("delete", "deploy", "planned", "--no-wait")


async def test_a_plan_says_why_a_pod_fits_nowhere(setpoint: Setpoint, tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_text(named("big").replace("- name: main", "- name: main\n          resources: {requests: {cpu: 1k}}"))
    planned = await setpoint("plan", "-f", str(path), ok=False)
    assert planned.status == 1
    assert "  ! 2 pods could not be placed: 0/2 nodes are available: 2 Insufficient cpu." in planned.out


@pytest.mark.parametrize("verb", ["plan", "diff"])
async def test_what_would_be_refused_has_status_2(setpoint: Setpoint, tmp_path: Path, verb: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(named("bad").replace("replicas: 2", "replicas: -2"))
    refused = await setpoint(verb, "-f", str(path), ok=False)
    assert refused.status == 2
    assert "spec.replicas: must be a whole number ≥ 0, found -2" in refused.err
    missing = await setpoint(verb, "-f", str(tmp_path / "none.yaml"), ok=False)
    assert (missing.status, missing.err) == (
        2,
        f"setpoint {verb}: {tmp_path / 'none.yaml'}: there is no such file or folder\n",
    )
    assert (await setpoint(verb, ok=False)).status == 2


async def test_a_diff_is_one_of_yaml(setpoint: Setpoint, tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: differs}\ndata: {a: one}\n")
    new = await setpoint("diff", "-f", str(path), ok=False)
    assert new.status == 1
    assert "+  a: one" in new.out.splitlines()
    await setpoint("apply", "-f", str(path))
    same = await setpoint("diff", "-f", str(path))
    assert (same.out, same.err) == ("", "")
    path.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: differs}\ndata: {a: two}\n")
    changed = (await setpoint("diff", "-f", str(path), ok=False)).out.splitlines()
    assert changed[0].startswith("--- live configmap/differs")
    assert "-  a: one" in changed
    assert "+  a: two" in changed


async def test_wait(setpoint: Setpoint) -> None:
    await setpoint("run", "waited", "--", "sleep", "1000")
    met = await setpoint("wait", "--for=condition=Ready", "pod/waited", "--timeout=30s")
    assert met.out == "pod/waited condition met\n"
    assert (await setpoint("wait", "--for=jsonpath={.status.phase}=Running", "pod", "waited")).status == 0
    never = await setpoint("wait", "--for=condition=Ready=False", "pod/waited", "--timeout=1s", ok=False)
    assert (never.status, never.err) == (
        1,
        "setpoint wait: timed out waiting for the condition on pods/waited\n",
    )
    missing = await setpoint("wait", "--for=condition=Ready", "pod/nobody", ok=False)
    assert (missing.status, missing.err) == (1, 'setpoint wait: pods "nobody" not found\n')
    waiting = asyncio.create_task(setpoint("wait", "--for=delete", "pod/waited", "--timeout=60s"))
    await setpoint("delete", "pod", "waited", "--now")
    assert (await waiting).out == "pod/waited deleted\n"
    coming = asyncio.create_task(setpoint("wait", "--for=create", "cm/comes", "--timeout=60s"))
    await setpoint("create", "configmap", "comes", "--from-literal=a=b")
    assert (await coming).out == "configmap/comes created\n"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("ready", 'must be condition=TYPE[=STATUS], jsonpath=PATH[=VALUE], create or delete, found "ready"'),
        ("condition", 'must be condition=TYPE[=STATUS], jsonpath=PATH[=VALUE], create or delete, found "condition"'),
        ("jsonpath={.status.phase}=", 'the value behind "=" is missing in "jsonpath={.status.phase}="'),
        ("jsonpath={.a[}=1", '".a[" is not a JSONPath: '),
    ],
)
async def test_wait_for_what_cannot_be(setpoint: Setpoint, wanted: str, message: str) -> None:
    refused = await setpoint("wait", f"--for={wanted}", "pod/x", ok=False)
    assert refused.status == 1
    assert message in refused.err


async def test_labels_and_annotations(setpoint: Setpoint) -> None:
    await setpoint("create", "configmap", "marked")
    assert (await setpoint("label", "cm/marked", "tier=front")).out == "configmap/marked labeled\n"
    refused = await setpoint("label", "cm", "marked", "tier=back", ok=False)
    assert (refused.status, refused.err) == (
        1,
        "setpoint label: 'tier' already has a value (front), and --overwrite is false\n",
    )
    assert (await setpoint("label", "cm/marked", "tier=back", "--overwrite")).out == "configmap/marked labeled\n"
    assert (await setpoint("label", "cm", "-l", "tier=back", "seen=yes")).out == "configmap/marked labeled\n"
    assert (await setpoint("label", "cm/marked", "--list")).out == "seen=yes\ntier=back\n"
    assert (await setpoint("label", "cm/marked", "tier-")).out == "configmap/marked unlabeled\n"
    assert (await setpoint("annotate", "cm/marked", "why=because of it")).out == "configmap/marked annotated\n"
    bad = await setpoint("label", "cm/marked", "a b=c", ok=False)
    assert bad.status == 1
    assert "metadata.labels" in bad.err
    nothing = await setpoint("label", "cm/marked", ok=False)
    assert nothing.err == "setpoint label: say which labels to set: KEY=VALUE, or KEY- to remove it\n"


async def test_create_makes_simple_objects(setpoint: Setpoint, tmp_path: Path) -> None:
    made = await setpoint("create", "deployment", "simple", "--replicas=2", "--", "sleep", "1000")
    assert made.out == "deployment.apps/simple created\n"
    await setpoint("rollout", "status", "deploy/simple", "--timeout", "30")
    again = await setpoint("create", "deployment", "simple", "--", "sleep", "1", ok=False)
    assert (again.status, again.err) == (1, 'setpoint create: deployments.apps "simple" already exists\n')
    shown = (await setpoint("create", "job", "once", "--dry-run=client", "-o", "yaml", "--", "sh", "-c", "exit 0")).out
    assert "kind: Job" in shown
    assert "restartPolicy: Never" in shown
    await setpoint("create", "cronjob", "nightly", "--schedule=@daily", "--", "true")
    await setpoint("create", "job", "now", "--from=cronjob/nightly")
    await setpoint("wait", "--for=condition=Complete", "job/now", "--timeout=30s")
    (tmp_path / "key.txt").write_text("text")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    await setpoint(
        "create",
        "cm",
        "data",
        "--from-literal=a=b",
        f"--from-file={tmp_path / 'key.txt'}",
        f"--from-file=b={tmp_path / 'binary'}",
    )
    data = json.loads((await setpoint("get", "cm/data", "-o", "json")).out)
    assert data["data"] == {"a": "b", "key.txt": "text"}
    assert data["binaryData"] == {"b": "//4="}
    nothing = await setpoint("create", "deployment", "empty", ok=False)
    assert nothing.err == "setpoint create: say what to run: -- COMMAND [ARGUMENTS], or --image\n"
    await setpoint("delete", "deploy", "simple", "--no-wait")
    await setpoint("delete", "cronjob", "nightly", "--no-wait")


async def test_set_changes_programs(setpoint: Setpoint) -> None:
    await setpoint("create", "deployment", "changing", "--replicas=1", "--", "sleep", "1000")
    assert (
        await setpoint("set", "env", "deploy/changing", "A=1", "B=2")
    ).out == "deployment.apps/changing env updated\n"
    assert (await setpoint("set", "env", "deploy/changing", "A-")).out == "deployment.apps/changing env updated\n"
    listed = (await setpoint("set", "env", "deploy/changing", "--list")).out.splitlines()
    assert listed == ["# deployment.apps/changing, container changing", "B=2"]
    await setpoint("set", "resources", "deploy/changing", "--limits=memory=64Mi")
    program = json.loads((await setpoint("get", "deploy/changing", "-o", "json")).out)["spec"]["template"]["spec"]
    assert program["containers"][0]["resources"]["limits"] == {"memory": "64Mi"}
    nobody = await setpoint("set", "image", "deploy/changing", "other=host", ok=False)
    assert nobody.err == (
        'setpoint set: unable to find container named "other" in deployment.apps/changing: it has changing\n'
    )
    bad = await setpoint("set", "resources", "deploy/changing", "--limits=cpu", ok=False)
    assert bad.err == 'setpoint set: --limits: must be of the form cpu=500m,memory=128Mi, found "cpu"\n'
    await setpoint("delete", "deploy", "changing", "--no-wait")


async def test_patch_and_replace(setpoint: Setpoint, tmp_path: Path) -> None:
    await setpoint("create", "configmap", "patched", "--from-literal=a=b")
    assert (await setpoint("patch", "cm/patched", "-p", '{"data":{"c":"d"}}')).out == "configmap/patched patched\n"
    assert (await setpoint("patch", "cm/patched", "-p", '{"data":{"c":"d"}}')).out == (
        "configmap/patched patched (no change)\n"
    )
    removed = await setpoint("patch", "cm/patched", "--type=json", "-p", '[{"op":"remove","path":"/data/a"}]')
    assert removed.out == "configmap/patched patched\n"
    bad = await setpoint("patch", "cm/patched", "-p", "[1]", ok=False)
    assert "--patch: a merge patch must be a mapping" in bad.err
    path = tmp_path / "new.yaml"
    path.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: patched}\ndata: {e: f}\n")
    assert (await setpoint("replace", "-f", str(path))).out == "configmap/patched replaced\n"
    assert json.loads((await setpoint("get", "cm/patched", "-o", "json")).out)["data"] == {"e": "f"}
    assert (await setpoint("replace", "--force", "-f", str(path))).out == "configmap/patched replaced\n"
    path.write_text(path.read_text().replace("name: patched", "name: nobody"))
    missing = await setpoint("replace", "-f", str(path), ok=False)
    assert missing.status == 1
    assert '"nobody" not found' in missing.err


def editor(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An editor that changes the file as a shell script says; $1 is the file. What is kept is kept in `folder`."""
    path = folder / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("SETPOINT_EDITOR", str(path))
    monkeypatch.setenv("TMPDIR", str(folder))


async def test_edit(setpoint: Setpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await setpoint("create", "configmap", "edited", "--from-literal=a=b")
    editor(tmp_path, "true", monkeypatch)
    assert (await setpoint("edit", "cm/edited")).out == "Edit cancelled, no changes made.\n"
    editor(tmp_path, ": > $1", monkeypatch)
    assert (await setpoint("edit", "cm/edited")).out == "Edit cancelled, saved file was empty.\n"
    editor(tmp_path, 'sed -i "s/a: b/a: c/" "$1"', monkeypatch)
    assert (await setpoint("edit", "cm/edited")).out == "configmap/edited edited\n"
    assert json.loads((await setpoint("get", "cm/edited", "-o", "json")).out)["data"] == {"a": "c"}


async def test_an_edit_that_is_refused_is_shown_again_with_the_reason(
    setpoint: Setpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await setpoint("create", "configmap", "wrong", "--from-literal=a=b")
    editor(tmp_path, f'cp "$1" {tmp_path}/seen; sed -i "s/a: b/a: 3/" "$1"', monkeypatch)
    refused = await setpoint("edit", "cm/wrong", ok=False)
    assert refused.status == 1
    assert f"your changes are kept in {tmp_path}/setpoint-edit-wrong-" in refused.err
    assert "# " in (tmp_path / "seen").read_text()
    assert "data.a: must be a string, found 3" in (tmp_path / "seen").read_text()


async def test_explain(setpoint: Setpoint) -> None:
    page = (await setpoint("explain", "deploy.spec.strategy.type")).out
    assert "ENUM: RollingUpdate, Recreate, Canary" in page
    assert "DEFAULT: RollingUpdate" in page
    assert "  replicas\t<integer>" in (await setpoint("explain", "statefulset", "--recursive")).out.replace(
        "    ", "  "
    )
    wrong = await setpoint("explain", "deploy.spec.replica", ok=False)
    assert wrong.err == 'setpoint explain: deployment.spec has no field "replica", did you mean "replicas"?\n'
    assert "apps/v1" in (await setpoint("api-versions")).out.splitlines()


async def test_get_prints_by_templates_and_sorts(setpoint: Setpoint) -> None:
    for name, size in (("sorted-a", "10"), ("sorted-b", "9")):
        await setpoint("create", "configmap", name, f"--from-literal=size={size}")
        await setpoint("label", f"cm/{name}", "app=sorted", f"a.b/size={size}")
    chosen = ("get", "cm", "-l", "app=sorted")
    assert (await setpoint(*chosen, "-o", "jsonpath={.items[*].metadata.name}")).out == "sorted-a sorted-b"
    template = r'jsonpath={range .items[*]}{.metadata.name}:{.metadata.labels.a\.b/size}{"\n"}{end}'
    assert (await setpoint(*chosen, "-o", template)).out == "sorted-a:10\nsorted-b:9\n"
    assert (await setpoint("get", "cm/sorted-a", "-o", "jsonpath={.data.size}")).out == "10"
    table = await setpoint(*chosen, "-o", "custom-columns=N:.metadata.name,S:.data.size", "--sort-by=.data.size")
    assert [line.split() for line in table.out.splitlines()] == [["N", "S"], ["sorted-b", "9"], ["sorted-a", "10"]]
    labels = await setpoint(*chosen, "-L", "app", "--show-labels", "--sort-by", "{.data.size}")
    assert labels.out.splitlines()[0].split() == ["NAME", "DATA", "AGE", "APP", "LABELS"]
    assert labels.out.splitlines()[1].split()[0] == "sorted-b"
    assert labels.out.splitlines()[1].split()[-1] == "a.b/size=9,app=sorted"
    wrong = await setpoint("get", "cm", "-o", "jsonpath={.items[}", ok=False)
    assert (wrong.status, wrong.out) == (1, "")
    assert '".items[" is not a JSONPath' in wrong.err
    assert (await setpoint("get", "cm/nobody", "--ignore-not-found")).err == ""

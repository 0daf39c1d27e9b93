"""`setpoint gc` on real machines: what is left over on a disk, and what it says when not all is well."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Setpoint
from tests.waiting import eventually


def leftover(setpoint: Setpoint, uid: str) -> Path:
    """A pod's directory on m1 that no pod has."""
    log = setpoint.home / "machines" / "m1" / "agent" / "pods" / uid / "logs" / "main" / "0.log"
    log.parent.mkdir(parents=True)
    log.write_text("2026-01-01T00:00:00Z stdout F gone\n")
    return log.parents[2]


async def test_a_dry_run_tells_what_a_run_removes(setpoint: Setpoint) -> None:
    assert (await setpoint("gc")).out == "No garbage found.\n"
    directory = leftover(setpoint, "no-such-pod")
    told = await setpoint("gc", "--dry-run")
    assert [line.split()[:4] for line in told.out.splitlines()[:2]] == [
        ["NAMESPACE", "NAME", "NODE", "OUTCOME"],
        ["<none>", "poddirectory/no-such-pod", "m1", "Found"],
    ]
    assert told.out.splitlines()[2] == "1 to be removed (dry run)"
    assert directory.exists()
    removed = json.loads((await setpoint("gc", "-o", "json")).out)
    assert (removed["kind"], removed["dryRun"]) == ("GarbageReport", False)
    assert [(item["name"], item["node"], item["outcome"]) for item in removed["items"]] == [
        ("no-such-pod", "m1", "Removed")
    ]
    assert not directory.exists()
    assert (await setpoint("gc", "-o", "name")).out == ""


async def test_finished_pods_and_old_events_go_when_fewer_are_to_be_kept(setpoint: Setpoint, tmp_path: Path) -> None:
    manifest = tmp_path / "jobs.yaml"
    manifest.write_text(
        "{apiVersion: batch/v1, kind: Job, metadata: {name: quick}, spec: {completions: 3, parallelism: 3, template: "
        "{spec: {restartPolicy: Never, containers: [{name: c, command: ['true']}]}}}}"
    )
    await setpoint("apply", "-f", str(manifest))

    async def complete() -> bool:
        return json.loads((await setpoint("get", "job", "quick", "-o", "json")).out)["status"].get("succeeded") == 3

    await eventually(complete, within_s=20, what="the Job is complete")
    told = json.loads((await setpoint("gc", "--finished-pods", "1", "--dry-run", "-o", "json")).out)
    pods = [item["name"] for item in told["items"] if item["kind"] == "Pod"]
    assert len(pods) == 2 and all(name.startswith("quick-") for name in pods)
    await setpoint("gc", "--finished-pods", "0", "--events-older-than", "0s")

    async def nothing_left() -> bool:
        return not (await setpoint("get", "pods", "-l", "job-name=quick", "-o", "name")).out

    await eventually(nothing_left, within_s=20, what="the finished pods are gone")
    status = json.loads((await setpoint("get", "job", "quick", "-o", "json")).out)["status"]
    assert status["succeeded"] == 3, "what was counted stays counted"
    await setpoint("delete", "job", "quick")


async def test_a_node_that_does_not_answer_is_named(setpoint: Setpoint, tmp_path: Path) -> None:
    manifest = tmp_path / "node.yaml"
    manifest.write_text("{apiVersion: v1, kind: Node, metadata: {name: far-away}}")
    await setpoint("apply", "-f", str(manifest))
    outcome = await setpoint("gc", "--dry-run", ok=False)
    await setpoint("delete", "node", "far-away")
    assert outcome.status == 1
    assert outcome.err == "setpoint gc: node far-away was not searched: its agent is not connected\n"


async def test_wrong_calls_are_refused_in_one_line(setpoint: Setpoint) -> None:
    outcome = await setpoint("gc", "--finished-pods", "-1", ok=False)
    assert outcome.status == 1
    assert "--finished-pods" in outcome.err and len(outcome.err.splitlines()) == 1
    outcome = await setpoint("gc", "--events-older-than", "soon", ok=False)
    assert "must be a duration such as 30s, 5m or 1h30m, found 'soon'" in outcome.err

"""Looking back, going back, holding and restarting rollouts, by the real program against a real cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import WEB, Setpoint
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAME = "turns"


def manifest(folder: Path, word: str, cause: str = "") -> str:
    """A Deployment whose program says `word`."""
    text = WEB.replace("web", NAME).replace("started", word)
    if cause:
        text = text.replace(
            f"  name: {NAME}\n", f'  name: {NAME}\n  annotations: {{kubernetes.io/change-cause: "{cause}"}}\n', 1
        )
    path = folder / "turns.yaml"
    path.write_text(text)
    return str(path)


async def rolled_out(setpoint: Setpoint) -> None:
    await setpoint("rollout", "status", f"deployment/{NAME}", "--timeout", "40")


async def says(setpoint: Setpoint) -> str:
    """The word in the present template."""
    shown = json.loads((await setpoint("get", "deploy", NAME, "-o", "json")).out)
    script = shown["spec"]["template"]["spec"]["containers"][0]["command"][2]
    return str(script.split()[1])


async def test_a_deployment_goes_forth_and_back(setpoint: Setpoint, tmp_path: Path) -> None:
    await setpoint("apply", "-f", manifest(tmp_path, "one", "the first"))
    await rolled_out(setpoint)
    assert (await setpoint("rollout", "undo", f"deploy/{NAME}", ok=False)).err == (
        f'setpoint rollout: no rollout history found for deployment "{NAME}"\n'
    )
    await setpoint("apply", "-f", manifest(tmp_path, "two", "the second"))
    await rolled_out(setpoint)

    history = (await setpoint("rollout", "history", f"deployment/{NAME}")).out
    assert history.splitlines() == [
        f"deployment.apps/{NAME}", "REVISION  CHANGE-CAUSE", "1         the first", "2         the second", ""
    ]  # fmt: skip
    first = (await setpoint("rollout", "history", "deploy", NAME, "--revision", "1")).out
    assert first.startswith(f"deployment.apps/{NAME} with revision #1\nPod Template:\n  Labels:")
    assert "echo one" in first
    assert "pod-template-hash" not in first

    assert (await setpoint("rollout", "undo", f"deployment/{NAME}")).out == f"deployment.apps/{NAME} rolled back\n"
    await rolled_out(setpoint)
    assert await says(setpoint) == "one"
    history = (await setpoint("rollout", "history", f"deployment/{NAME}")).out
    assert history.splitlines()[2:4] == ["2         the second", "3         the first"]
    again = await setpoint("rollout", "undo", f"deploy/{NAME}", "--to-revision=3")
    assert again.out == (f"deployment.apps/{NAME} skipped rollback (current template already matches revision 3)\n")
    dry = await setpoint("rollout", "undo", f"deploy/{NAME}", "--to-revision=2", "--dry-run=server")
    assert dry.out == f"deployment.apps/{NAME} rolled back (server dry run)\n"
    assert await says(setpoint) == "one"
    missing = await setpoint("rollout", "undo", f"deploy/{NAME}", "--to-revision=9", ok=False)
    assert missing.err == "setpoint rollout: unable to find specified revision 9 in history\n"

    assert (await setpoint("rollout", "pause", f"deploy/{NAME}")).out == f"deployment.apps/{NAME} paused\n"
    for words, refusal in (
        (["pause"], f'deployments.apps "{NAME}" is already paused'),
        (["undo"], "cannot rollback a paused deployment; resume it first with 'setpoint rollout resume' and try again"),
        (["restart"], "can't restart paused deployment (run rollout resume first)"),
    ):
        refused = await setpoint("rollout", *words, f"deploy/{NAME}", ok=False)
        assert (refused.status, refused.err) == (1, f"setpoint rollout: {refusal}\n")
    assert (await setpoint("rollout", "resume", f"deploy/{NAME}")).out == f"deployment.apps/{NAME} resumed\n"
    refused = await setpoint("rollout", "resume", f"deploy/{NAME}", ok=False)
    assert refused.err == f'setpoint rollout: deployments.apps "{NAME}" is not paused\n'

    before = (await setpoint("get", "pods", "-l", f"app={NAME}", "-o", "name")).out.split()
    restarted = await setpoint("rollout", "restart", "deployment", "-l", f"app={NAME}", ok=False)
    assert restarted.err == "setpoint rollout: no resources found in default namespace\n"
    assert (await setpoint("rollout", "restart", f"deploy/{NAME}")).out == f"deployment.apps/{NAME} restarted\n"
    moving = await setpoint("rollout", "status", f"deploy/{NAME}", "--watch=false")
    assert moving.out.count("\n") == 1
    await rolled_out(setpoint)
    other = await setpoint("rollout", "status", f"deploy/{NAME}", "--revision=2", ok=False)
    assert other.err == "setpoint rollout: desired revision (2) is different from the running revision (4)\n"
    after = (await setpoint("get", "pods", "-l", f"app={NAME}", "-o", "name")).out.split()
    assert not set(before) & set(after) or len(after) > 2
    await setpoint("delete", "deployment", NAME, "--cascade", "foreground")


async def test_a_stateful_set_goes_forth_and_back(setpoint: Setpoint, tmp_path: Path) -> None:
    path = tmp_path / "numbered.yaml"

    def saying(word: str) -> str:
        text = WEB.replace("web", "numbered").replace("kind: Deployment", "kind: StatefulSet").replace("started", word)
        cause = f"  name: numbered\n  annotations: {{kubernetes.io/change-cause: says {word}}}\n"
        path.write_text(text.replace("  name: numbered\n", cause, 1))
        return str(path)

    for word in ("one", "two"):
        await setpoint("apply", "-f", saying(word))
        followed = await setpoint("rollout", "status", "statefulset/numbered", "--timeout", "40")
        assert "statefulset rolling update complete 2 pods at revision numbered-" in followed.out
    history = (await setpoint("rollout", "history", "sts/numbered")).out
    assert history.splitlines()[:4] == [
        "statefulset.apps/numbered", "REVISION  CHANGE-CAUSE", "1         says one", "2         says two"
    ]  # fmt: skip
    assert "echo one" in (await setpoint("rollout", "history", "sts/numbered", "--revision=1")).out
    undone = await setpoint("rollout", "undo", "sts/numbered")
    assert undone.out == "statefulset.apps/numbered rolled back\n"
    await setpoint("rollout", "status", "sts/numbered", "--timeout", "40")
    logs = await setpoint("logs", "numbered-0")
    assert logs.out == "one numbered-0\n"
    restarted = await setpoint("rollout", "restart", "sts/numbered")
    assert restarted.out == "statefulset.apps/numbered restarted\n"
    refused = await setpoint("rollout", "pause", "sts/numbered", ok=False)
    assert refused.err == 'setpoint rollout: statefulsets.apps "numbered" pausing is not supported\n'
    await setpoint("delete", "statefulset", "numbered", "--cascade", "foreground")


CANARY = """
  strategy:
    type: Canary
    canary:
      steps: [{setReplicas: 1}, {pause: {}}]
"""


async def test_a_canary_is_promoted_and_aborted(setpoint: Setpoint, tmp_path: Path) -> None:
    def stepped(word: str) -> str:
        path = Path(manifest(tmp_path, word))
        path.write_text(path.read_text().replace("  replicas: 2\n", f"  replicas: 2{CANARY}"))
        return str(path)

    async def told(line: str) -> None:
        async def check() -> bool:
            found = await setpoint("rollout", "status", f"deploy/{NAME}", "--watch=false", ok=False)
            return line in found.out + found.err

        await eventually(check, within_s=30, every_s=0.2, what=line)

    await setpoint("apply", "-f", stepped("one"))
    await rolled_out(setpoint)
    over = await setpoint("rollout", "promote", f"deploy/{NAME}", ok=False)
    assert over.err == f'setpoint rollout: the canary of deployment "{NAME}" is over: revision 1 has all pods\n'

    await setpoint("apply", "-f", stepped("two"))
    await told("canary step 2 of 2 (paused until it is promoted), 1 out of 2 new replicas have been updated...")
    assert "revision 2, 1 of 2 steps done, stable is revision 1" in (await setpoint("describe", "deploy", NAME)).out
    assert (await setpoint("rollout", "abort", f"deploy/{NAME}")).out == f"deployment.apps/{NAME} aborted\n"
    await told(
        f'the rollout of deployment "{NAME}" failed: Canary of revision 2 was aborted: all pods go back to revision 1'
    )
    again = await setpoint("rollout", "abort", f"deploy/{NAME}", ok=False)
    assert again.err == f'setpoint rollout: the canary of deployment "{NAME}" is already aborted\n'
    assert (await setpoint("rollout", "promote", f"deploy/{NAME}")).out == f"deployment.apps/{NAME} retried\n"
    await told("canary step 2 of 2")
    assert (await setpoint("rollout", "promote", f"deploy/{NAME}")).out == f"deployment.apps/{NAME} promoted\n"
    await rolled_out(setpoint)
    over = await setpoint("rollout", "abort", f"deploy/{NAME}", ok=False)
    assert "is over; `setpoint rollout undo` goes back" in over.err
    await setpoint("delete", "deployment", NAME, "--cascade", "foreground")


REFUSED = [
    pytest.param(["pause", "pod/x"], "pods have no rollouts", id="pods"),
    pytest.param(["undo", "deploy/nope"], 'deployments.apps "nope" not found', id="nobody"),
    pytest.param(["history", "deploy/nope", "-l", "a=b"], "not both", id="named and chosen"),
    pytest.param(["undo", "deploy/x", "--to-revision", "-1"], "must be a revision number", id="a negative revision"),
    pytest.param(["history", "deploy/x", "--revision", "x"], "must be a revision number", id="a word for a revision"),
    pytest.param(["status", "deploy/x", "--timeout", "soon"], "must be a duration", id="a word for a duration"),
    pytest.param(["forward", "deploy/x"], "invalid choice: 'forward'", id="no such subverb"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED)
async def test_a_wrong_call_says_what_would_be_right(setpoint: Setpoint, words: list[str], message: str) -> None:
    outcome = await setpoint("rollout", *words, ok=False)
    assert (outcome.status, outcome.out) == (1, "")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1

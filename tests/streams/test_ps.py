"""The processes of pods, as their nodes tell them."""

from __future__ import annotations

import json

import pytest

from tests.streams.conftest import Stage
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

TITLES = ["CONTAINER", "PID", "PPID", "USER", "STAT", "%CPU", "RSS", "THREADS", "AGE", "COMMAND"]


async def test_a_pod_is_a_tree_in_each_container(stage: Stage) -> None:
    async def shown() -> list[list[str]] | None:
        lines = [line.split() for line in (await stage.call("ps", "web")).out.splitlines()]
        return lines if len(lines) == 4 else None  # The shell is between two sleeps for a moment.

    titles, shell, sleep, side = await eventually(shown)  # type: ignore[misc]
    assert titles == TITLES
    assert shell[0] == sleep[0] == "app" and shell[9:11] == ["/bin/sh", "-c"]
    assert sleep[2] == shell[1] and sleep[9:] == ["\\_", "sleep", "1"]
    assert side[0] == "side" and side[9:] == ["/bin/sleep", "100000"]
    assert shell[6].endswith("Mi") and shell[7] == "1"


async def test_all_pods_in_other_forms(stage: Stage) -> None:
    wide = (await stage.call("ps", "-A", "-o", "wide")).out.splitlines()
    assert wide[0].split()[-4:] == ["STARTED", "TIME", "NODE", "COMMAND"]
    listed = json.loads((await stage.call("ps", "web", "-c", "side", "-o", "json")).out)
    (process,) = listed["items"]
    assert (listed["kind"], process["kind"]) == ("List", "Process")
    assert (process["pod"], process["node"], process["container"]) == ("web", "m1", "side")
    assert process["command"] == ["/bin/sleep", "100000"] and process["memoryBytes"] > 0


async def test_a_pod_that_just_crashed_is_missed_only_by_who_named_it(stage: Stage) -> None:
    await stage.call("run", "crash", "--", "false")
    waiting = "--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff"
    await stage.call("wait", waiting, "pod/crash")
    assert (await stage.call("ps", "-l", "run=crash")).err == "No running pods found in default namespace.\n"
    named = await stage.call("ps", "crash", ok=False)
    assert named.status == 1 and 'container "crash" in pod "crash" is not running: back-off' in named.err
    await stage.call("delete", "pod", "crash")


async def test_who_has_only_a_nats_client_asks_in_json(stage: Stage) -> None:
    question = json.dumps({"namespace": "default", "pod": "web", "container": "side"}).encode()
    answer = await stage.bus.request("sp.node.m1.down.processes", question, timeout_s=5)
    assert json.loads(answer.data)["processes"][0]["command"] == ["/bin/sleep", "100000"]
    for bad, message in (
        (b'{"pod": "web"}', "cannot be read"),
        (b'{"namespace": "default", "pod": "no"}', "not found"),
    ):
        answer = await stage.bus.request("sp.node.m1.down.processes", bad, timeout_s=5)
        assert message in json.loads(answer.data)["error"]["message"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(("no",), 'pods "no" not found', id="pod"),
        pytest.param(("web", "-c", "no"), "container no is not in pod web", id="container"),
        pytest.param(("web", "-A"), "name a pod, or choose among all", id="both"),
        pytest.param(("-l", "app=no"), "No running pods found in default namespace.", id="none"),
    ],
)
async def test_what_is_not_there(stage: Stage, words: tuple[str, ...], message: str) -> None:
    assert message in (await stage.call("ps", *words, ok=False)).err

"""Output of programs, read by people who take their time, choose, or ask for too much."""

from __future__ import annotations

import re

import pytest

from tests.streams.conftest import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"
MUCH = "a line of much output\n"


async def test_all_of_much_output_comes(stage: Stage) -> None:
    shown = (await stage.call("logs", "talk", "-c", "much")).out
    assert shown == MUCH * 500_000


async def test_the_wanted_part_of_it(stage: Stage) -> None:
    assert (await stage.call("logs", "talk", "-c", "much", "--tail", "3")).out == MUCH * 3
    assert (await stage.call("logs", "talk", "-c", "much", "--limit-bytes", "30")).out == (MUCH * 2)[:30]
    assert (await stage.call("logs", "talk", "-c", "much", "--since", "100h", "--tail=2")).out == MUCH * 2
    assert (await stage.call("logs", "talk", "-c", "much", "--since", "0s")).out == ""
    stamped = (await stage.call("logs", "talk", "-c", "much", "--timestamps", "--tail=2")).out
    assert re.fullmatch(rf"({STAMP} {MUCH}){{2}}", stamped)


async def test_containers_of_all_kinds_in_their_order_each_line_with_its_name(stage: Stage) -> None:
    shown = (await stage.call("logs", "talk", "--all-containers", "--prefix", "--tail=2")).out.splitlines()
    assert [line.partition("] ")[0] for line in shown] == [
        "[pod/talk/early", "[pod/talk/count", "[pod/talk/count", "[pod/talk/much", "[pod/talk/much",
    ]  # fmt: skip
    assert shown[0] == "[pod/talk/early] it begins"
    assert (await stage.call("logs", "talk", "-c", "early")).out == "it begins\n"


async def test_several_that_are_followed_never_mix_within_a_line(stage: Stage) -> None:
    call = await stage.call.start("logs", "-f", "-l", "app in (talk, web)", "--all-containers", "--prefix", "--tail=-1")
    assert call.stdout is not None
    numbers: list[int] = []
    much = 0
    while much < 500_000 or len(numbers) < 20:
        line = (await call.stdout.readline()).decode()
        found = re.fullmatch(r"\[pod/talk/(early|count|much)\] (it begins|\d+|a line of much output)\n", line)
        assert found, line
        much += found[1] == "much"
        if found[1] == "count":
            numbers.append(int(found[2]))
    call.terminate()
    await call.communicate()
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        pytest.param(
            ("web", "--since-time", "yesterday"), 1, "must be a time such as 2026-01-31T12:00:00Z, found 'yesterday'",
            id="no time",
        ),
        pytest.param(("web", "--since", "1s", "--since-time", "2026-01-01T00:00:00Z"), 1, "not allowed", id="both"),
        pytest.param(("web", "--tail", "-2"), 1, "--tail: must be -1 or more, found -2", id="tail"),
        pytest.param(("web", "--limit-bytes", "0"), 1, "--limit-bytes: must be 1 or more, found 0", id="limit"),
        pytest.param(
            ("-f", "-l", "app=web", "--all-containers", "--max-log-requests", "1"), 1,
            "maximum allowed concurrency is 1", id="too many",
        ),
        pytest.param(("web", "-c", "no"), 1, "container no is not in pod web; it has app, side", id="container"),
        pytest.param(("web", "no"), 1, "container no is not in pod web; it has app, side", id="container behind pod"),
        pytest.param(("web", "side", "-c", "side"), 1, "only one of -c, --all-containers or", id="two containers"),
        pytest.param(("web", "talk", "third"), 1, "one pod at a time, or those of a --selector", id="several"),
        pytest.param(("node/m1",), 1, "nodes have no pods of their own", id="what has no pods"),
        pytest.param(("-l", "app=no"), 0, "No resources found in default namespace.", id="nobody"),
        pytest.param(("web", "-p"), 1, 'previous terminated container "app" in pod "web" not found', id="previous"),
        pytest.param(("web", "-p", "--ignore-errors"), 0, "error: previous terminated", id="ignored"),
    ],
)  # fmt: skip
async def test_what_cannot_be_had(stage: Stage, words: tuple[str, ...], status: int, message: str) -> None:
    ended = await stage.call("logs", *words, ok=False)
    assert (ended.status, ended.out) == (status, "")
    assert message in ended.err


async def test_since_a_time(stage: Stage) -> None:
    assert (await stage.call("logs", "web", "app", "--since-time", "2026-01-01T00:00:00Z")).status == 0

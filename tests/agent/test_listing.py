"""How the processes of a pod are told in one message."""

from __future__ import annotations

import json

import pytest

from node_agent.runtime.abilities import ProcessState
from node_agent.streams.listing import packed_reply
from proto import codec
from proto.node_programs import ProcessesReply


def state(pid: int, *command: str) -> ProcessState:
    return ProcessState(pid, 1, "root", "S", 2.5, 100.0, 4096, 1, command)


def reply(states: list[ProcessState], *, in_json: bool) -> ProcessesReply:
    data = packed_reply([("app", each) for each in states], now_s=110.0, in_json=in_json)
    assert len(data) < 1024 * 1024
    return ProcessesReply.model_validate(json.loads(data) if in_json else codec.unpack_raw(data))


@pytest.mark.parametrize("in_json", [True, False], ids=["json", "msgpack"])
def test_figures_are_those_of_ps(in_json: bool) -> None:
    told = reply([state(7, "sleep", "9"), state(8, "x")], in_json=in_json).processes
    assert (told[0].container, told[0].pid, told[0].command) == ("app", 7, ("sleep", "9"))
    assert (told[0].cpu_percent, told[0].cpu_s, told[1].pid) == (25.0, 2.5, 8)


@pytest.mark.parametrize("in_json", [True, False], ids=["json", "msgpack"])
def test_what_a_message_has_no_room_for_is_counted(in_json: bool) -> None:
    told = reply([state(pid, "x" * 4000) for pid in range(1000)], in_json=in_json)
    assert told.omitted == 1000 - len(told.processes) > 0


def test_no_process_is_an_answer_too() -> None:
    assert reply([], in_json=True) == reply([], in_json=False) == ProcessesReply()

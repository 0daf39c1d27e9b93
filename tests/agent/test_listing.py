"""How many processes one message tells."""

from __future__ import annotations

from node_agent.runtime.abilities import ProcessState
from node_agent.streams.listing import reply_of
from proto import codec
from proto.node_programs import ProcessesReply


def state(pid: int, *command: str) -> ProcessState:
    return ProcessState(pid, 1, "root", "S", 2.5, 100.0, 4096, 1, command)


def test_figures_are_those_of_ps() -> None:
    (told,) = ProcessesReply.model_validate(reply_of([("app", state(7, "sleep", "9"))], now_s=110.0)).processes
    assert (told.container, told.pid, told.cpu_percent, told.cpu_s, told.command) == (
        "app",
        7,
        25.0,
        2.5,
        ("sleep", "9"),
    )


def test_what_a_message_has_no_room_for_is_counted() -> None:
    states = [("app", state(pid, "x" * 4000)) for pid in range(1000)]
    reply = reply_of(states, now_s=110.0)
    assert reply["omitted"] == 1000 - len(reply["processes"]) > 0
    assert len(codec.dump_json(reply)) < 1024 * 1024

"""How the words of a call are read."""

from __future__ import annotations

import pytest

from setpoint.cli.main import build_parser
from setpoint.cli.parser import parse


@pytest.mark.parametrize(
    ("words", "command"),
    [
        pytest.param("web ls", "ls", id="plain"),
        pytest.param("web -- ls -l", "ls -l", id="flags of the command"),
        pytest.param("web -- git diff -- a", "git diff -- a", id="a second --"),
        pytest.param("web -c side -- git diff -- a -- b", "git diff -- a -- b", id="flags before"),
        pytest.param("-c side web -it -- -- x", "-- x", id="-- alone"),
        pytest.param("web ls -c side -- -l", "ls -l", id="on both sides"),
    ],
)
def test_the_command(words: str, command: str) -> None:
    assert parse(build_parser("exec"), words.split()).command == command.split()


def test_a_flag_of_the_command_needs_a_mark(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(build_parser("exec"), ["web", "ls", "-l"])
    assert "unrecognized arguments: -l; put `--` before the command" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verb", "words", "name", "value"),
    [
        pytest.param("logs", "web --follow=true", "follow", True, id="on"),
        pytest.param("logs", "web -f=1", "follow", True, id="short"),
        pytest.param("logs", "web --all-containers=false", "all_containers", False, id="off"),
        pytest.param("delete", "pod web --wait=false", "wait", False, id="off, though usually on"),
        pytest.param("delete", "pod web --wait=true", "wait", True, id="on as usual"),
        pytest.param("delete", "pod web --no-wait", "wait", False, id="our own way"),
        pytest.param("rollout", "status deploy/x --watch=false", "watch", False, id="of a verb below another"),
        pytest.param("rollout", "status deploy/x -w=false", "watch", False, id="short, though usually on"),
        pytest.param("rollout", "status deploy/x", "watch", True, id="not said"),
        pytest.param("get", "pods --sort-by=true", "sort_by", "true", id="what has a value keeps it"),
        pytest.param("exec", "web -- cat --show-all=true", "command", ["cat", "--show-all=true"], id="not ours"),
        pytest.param("create", "job x --dry-run=client -- true", "dry_run", "client", id="below another verb"),
    ],
)
def test_flags_may_be_said_as_kubectl_says_them(verb: str, words: str, name: str, value: object) -> None:
    assert getattr(parse(build_parser(verb), words.split()), name) == value


def test_a_flag_that_is_neither_on_nor_off(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(build_parser("logs"), ["web", "--follow=maybe"])
    assert "argument --follow: must be true or false, found 'maybe'" in capsys.readouterr().err

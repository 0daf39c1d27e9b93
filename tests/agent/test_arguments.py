"""The agent's command line: what it makes of its words, and what it says of wrong ones."""

from __future__ import annotations

import pytest

from node_agent.arguments import BadArgument, read_arguments


def test_logs_are_as_large_as_the_agent_was_told() -> None:
    given = read_arguments(["--name", "n", "--container-log-max-size", "1Mi", "--container-log-max-files", "3"])
    assert (given.log_bytes_max, given.log_files_max) == (1 << 20, 3)
    default = read_arguments(["--name", "n"])
    assert (default.log_bytes_max, default.log_files_max) == (10 << 20, 5)


@pytest.mark.parametrize(
    ("option", "text", "words"),
    [
        (
            "--container-log-max-size",
            "lots",
            "--container-log-max-size: 'lots' is not a quantity: write a number",
        ),
        ("--container-log-max-size", "0", "--container-log-max-size must be at least 64Ki, not 0"),
        ("--container-log-max-size", "-1Mi", "--container-log-max-size must be at least 64Ki, not -1Mi"),
        ("--container-log-max-files", "1", "--container-log-max-files must be at least 2, not 1"),
    ],
)
def test_bad_sizes_of_logs(option: str, text: str, words: str) -> None:
    with pytest.raises(BadArgument) as refusal:
        read_arguments(["--name", "n", f"{option}={text}"])
    assert str(refusal.value).startswith(words)

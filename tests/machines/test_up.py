"""`setpoint up`, as the real program: what it refuses, in one line, and what it leaves behind: nothing."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from setpoint.up import node_names


def refused(*arguments: str, home: Path) -> str:
    """The one line on stderr of a call that must fail with status 1."""
    call = subprocess.run(
        [sys.executable, "-m", "setpoint.cli.main", "up", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "HOME": str(home), "XDG_STATE_HOME": str(home / "state")},
    )
    assert call.returncode == 1
    lines = [line for line in call.stderr.splitlines() if not line.startswith("starting")]
    assert len(lines) == 1
    assert not (home / "state").exists()
    return lines[0]


def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refused("--port", str(port), "--data-dir", str(tmp_path / "data"), home=tmp_path)
    assert said == f"setpoint up: cannot listen on 127.0.0.1:{port}: Address already in use; choose another port"


def test_a_data_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = refused("--port", "0", "--data-dir", str(tmp_path / "file" / "data"), home=tmp_path)
    assert said == f"setpoint up: cannot write to {tmp_path}/file/data: Not a directory"


def test_a_second_one_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711\n")
        lock.flush()
        said = refused("--port", "0", "--data-dir", str(tmp_path), home=tmp_path)
    assert said == f"setpoint up: another setpoint up (pid 4711) runs on {tmp_path}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("--machines", "0"), "--machines must be between 1 and 100, not 0", id="no machine"),
        pytest.param(("--machines", "101"), "--machines must be between 1 and 100, not 101", id="too many"),
        pytest.param(("--port", "70000"), "--port must be between 0 and 65535, not 70000", id="no such port"),
    ],
)
def test_impossible_wishes_are_refused(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    said = refused(*arguments, "--data-dir", str(tmp_path / "data"), home=tmp_path)
    assert said == f"setpoint up: {message}"


@pytest.mark.parametrize(
    ("hostname", "names"),
    [
        pytest.param("vm", ("vm", "vm-2", "vm-3"), id="plain"),
        pytest.param(
            "My_Laptop.local", ("my-laptop", "my-laptop-2", "my-laptop-3"), id="upper case, underscore, domain"
        ),
        pytest.param("-", ("machine", "machine-2", "machine-3"), id="nothing usable"),
    ],
)
def test_machines_are_named_after_the_host(
    monkeypatch: pytest.MonkeyPatch, hostname: str, names: tuple[str, ...]
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: hostname)
    assert node_names(3) == names


def test_long_host_names_fit_a_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "x" * 64)
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name) for name in node_names(100))

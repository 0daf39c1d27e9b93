"""A driver that somebody else wrote and installed: found by its entry point, held to the port, refused if it cannot be.

What an installer leaves of a package is made by hand here: its modules and a `dist-info` with its entry points.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "third_party"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder on the path of modules, with the package installed in it."""
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]
    site = tmp_path / "site"
    installed = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = project["entry-points"]
    (installed / "entry_points.txt").write_text(
        "\n".join(
            line
            for group, names in groups.items()
            for line in (f"[{group}]", *(f"{name} = {place}" for name, place in names.items()))
        )
    )
    shutil.copy(SOURCE / "scratch_runtime.py", site)
    return site


def run(site: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{site}:{ROOT}"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True, timeout=100)


def agent_with(site: Path, folder: Path, runtime: str) -> subprocess.CompletedProcess[str]:
    """The agent with that driver; it ends at once, since what it was started with cannot be used."""
    arguments = (
        "--runtime",
        runtime,
        "--name",
        "n",
        "--state-dir",
        str(folder / "agent"),
        "--nats",
        "nats://127.0.0.1:1",
    )
    return run(site, "-m", "node_agent", *arguments, folder=folder)


def test_it_is_found_by_its_entry_point(site: Path, tmp_path: Path) -> None:
    program = (
        "from pathlib import Path\n"
        "from node_agent.runtime.port import RuntimeSettings\n"
        "from node_agent.runtime.registry import build_runtime\n"
        f"print(type(build_runtime('scratch', RuntimeSettings('n', Path({str(tmp_path)!r})))).__module__)\n"
    )
    found = run(site, "-c", program, folder=tmp_path)
    assert (found.stdout, found.stderr) == ("scratch_runtime\n", "")


@pytest.mark.parametrize(
    ("runtime", "message"),
    [
        ("yesterdays", "the runtime 'yesterdays' has port_version 0; this agent speaks version 1"),
        ("torn", "the runtime 'torn' cannot be loaded: module 'scratch_runtime' has no attribute 'NoSuchRuntime'"),
        ("other", "no runtime named 'other'; installed are: fake, process, scratch, torn, yesterdays"),
    ],
)
def test_the_agent_refuses_one_that_cannot_be_used(site: Path, tmp_path: Path, runtime: str, message: str) -> None:
    refused = agent_with(site, tmp_path, runtime)
    assert refused.returncode == 1
    assert refused.stderr.strip().splitlines()[-1] == f"setpoint-node-agent: {message}"


def test_its_author_holds_it_to_the_port(site: Path, tmp_path: Path) -> None:
    """With pytest as he has it: without our settings, in the strict mode of pytest-asyncio."""
    own = tmp_path / "project"
    own.mkdir()
    shutil.copy(SOURCE / "test_scratch_runtime.py", own)
    (own / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    options = ("-q", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "t"))
    outcome = run(site, "-m", "pytest", *options, folder=own)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr

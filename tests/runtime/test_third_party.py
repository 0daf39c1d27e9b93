"""A driver that somebody else wrote and installed: found by its entry point, held to the port, refused if it cannot be.

What an installer leaves of a package is made by hand here: its modules and a `dist-info` with its entry points.
"""

import json
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
    for module in ("scratch_runtime.py", "faulty_runtime.py"):
        shutil.copy(SOURCE / module, site)
    return site


def run(site: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{site}:{ROOT}"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True, timeout=100)


def test_it_is_found_by_its_entry_point(site: Path, tmp_path: Path) -> None:
    program = (
        "from pathlib import Path\n"
        "from node_agent.runtime.port import RuntimeSettings\n"
        "from node_agent.runtime.registry import build_runtime\n"
        f"runtime = build_runtime('scratch', RuntimeSettings('n', Path({str(tmp_path)!r})))\n"
        "print(type(runtime).__name__)\n"
    )
    found = run(site, "-c", program, folder=tmp_path)
    assert (found.stdout, found.stderr) == ("GuardedRuntime\n", "")


def test_the_agent_refuses_one_that_cannot_be_used_with_one_line(site: Path, tmp_path: Path) -> None:
    options = ("--runtime", "yesterdays", "--name", "n", "--state-dir", str(tmp_path / "agent"))
    refused = run(site, "-m", "node_agent", *options, "--nats", "nats://127.0.0.1:1", folder=tmp_path)
    assert (refused.returncode, refused.stderr) == (1, f"setpoint-node-agent: {REFUSALS['yesterdays']}\n")


REFUSALS = {
    "yesterdays": "the runtime 'yesterdays' has port_version 0; this agent speaks version 1",
    "torn": "the runtime 'torn' cannot be loaded: module 'scratch_runtime' has no attribute 'NoSuchRuntime'",
    "faulty": "the runtime 'faulty' cannot be loaded: OSError: this driver needs a licence",
    "unbuilt": "the runtime 'unbuilt' cannot be built: PermissionError: [Errno 13] Permission denied: "
    "'/run/scratch.sock'",
    "hollow": "the runtime 'hollow' lacks verbs of the port: events, fingerprint, grant, list, remove, signal, start, "
    "stats, stop",
    "process": "more than one runtime is named 'process': that of Setpoint itself "
    "(node_agent.runtime.process:ProcessRuntime) and that of setpoint-scratch 0.1 (scratch_runtime:ScratchRuntime); "
    "uninstall all but one",
    "other": "no runtime named 'other'; installed are: fake, faulty, hollow, process, scratch, torn, unbuilt, "
    "yesterdays",
}


def test_each_is_refused_with_what_is_wrong(site: Path, tmp_path: Path) -> None:
    program = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "from node_agent.runtime.port import RuntimeSettings\n"
        "from node_agent.runtime.registry import UnusableRuntime, build_runtime\n"
        "def refusal(name):\n"
        "    try:\n"
        "        return repr(build_runtime(name, RuntimeSettings('n', Path('.'))))\n"
        "    except UnusableRuntime as problem:\n"
        "        return str(problem)\n"
        "print(json.dumps({name: refusal(name) for name in sys.argv[1:]}))\n"
    )
    told = run(site, "-c", program, *REFUSALS, folder=tmp_path)
    assert json.loads(told.stdout) == REFUSALS, told.stderr


def test_its_author_holds_it_to_the_port(site: Path, tmp_path: Path) -> None:
    """With pytest as he has it: without our settings, in the strict mode of pytest-asyncio."""
    own = tmp_path / "project"
    own.mkdir()
    shutil.copy(SOURCE / "test_scratch_runtime.py", own)
    (own / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    options = ("-q", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "t"))
    outcome = run(site, "-m", "pytest", *options, folder=own)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr

"""A scope of systemd's: the control group of the supervisor and the workloads, beside the agent's own unit.

On the unified hierarchy a group that hands controllers down may hold no processes itself, and systemd starts a service
in the service's own group. So workloads below the agent's unit would keep systemd (before version 254) from ever
starting the agent again. A scope has no program that systemd would have to start: it is a delegated group with a name,
it lives as long as a process is in it, and whatever becomes of the agent's unit does not touch it.

    /sys/fs/cgroup/system.slice/setpoint-node-agent.service      the agent
    /sys/fs/cgroup/system.slice/setpoint-<node>-<token>.scope
        supervisor/                                              the supervisor
        workloads/<container>/                                   what it runs

A supervisor that follows one that was killed returns to the group where the workloads are: see `home`.

*Reads* `/proc` and the runtime folders of systemd. *Never*: used where there is no systemd, or where controllers are
still those of v1, which know no such rule.
"""

import os
import secrets
import shutil
from pathlib import Path

from node_agent.cgroup.detect import only_v2

_NODE_NAME_MAX = 100
"""Of the 255 bytes that a unit's name may have."""


def scope_command(node_name: str, environment: dict[str, str], root: Path = Path("/")) -> list[str]:
    """The words to put before a command so that systemd gives it a delegated scope; none where it cannot.

    Args:
        node_name: Whose workloads they are; a token makes the scope's name unique, since an old one may still be there.
        environment: Where an ordinary user's own systemd is named, as `XDG_RUNTIME_DIR`.
        root: Where the machine's files are; tests bring their own.
    """
    program = shutil.which("systemd-run")
    if program is None or not _systemd_listens(environment, root) or not only_v2(str(root / "proc")):
        return []
    own_unit = unit_of((root / "proc/self/cgroup").read_text())
    return [
        *(program, "--scope", "--quiet", "--collect"),
        *([] if os.geteuid() == 0 else ["--user"]),
        f"--unit=setpoint-{node_name[:_NODE_NAME_MAX]}-{secrets.token_hex(3)}",
        f"--description=Workloads of the Setpoint node {node_name}",
        "--property=Delegate=yes",
        "--property=TasksMax=infinity",
        # The agent is stopped first when the machine goes down: it must not restart what is ended on purpose.
        *([f"--property=Before={own_unit}"] if own_unit.endswith(".service") else []),
        "--",
    ]


def unit_of(own_groups: str) -> str:
    """The innermost unit in the text of `/proc/PID/cgroup`; "" when there is none."""
    path = next((line.removeprefix("0::") for line in own_groups.splitlines() if line.startswith("0::")), "")
    units = [part for part in path.split("/") if part.endswith((".service", ".scope", ".slice"))]
    return units[-1] if units else ""


def _systemd_listens(environment: dict[str, str], root: Path) -> bool:
    """Whether process 1 here is systemd, and we may ask it (or, for an ordinary user, the user's own) for a scope."""
    try:
        is_first = (root / "proc/1/comm").read_text().strip() == "systemd"
    except OSError:
        return False
    if os.geteuid() == 0:
        return is_first and (root / "run/systemd/private").exists()
    runtime_dir = environment.get("XDG_RUNTIME_DIR", "")
    return is_first and bool(runtime_dir) and Path(runtime_dir, "systemd/private").exists()

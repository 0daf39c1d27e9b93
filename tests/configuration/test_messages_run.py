"""What real programs say of their ends: in a file of their own, or at the end of their log."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from proto.objects.pod import Pod
from proto.objects.pod_status import ContainerStateTerminated
from tests.configuration.seeing import WITHIN_S, Seeing
from tests.waiting import eventually

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give programs a view of their own"),
]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other users can enter, as they cannot enter pytest's."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def container(name: str, script: str, path: Path | None = None, **more: Any) -> dict[str, Any]:
    told = {} if path is None else {"terminationMessagePath": str(path)}
    return {"name": name, "command": ["/bin/sh", "-c", script], **told, **more}


async def test_what_programs_say_of_their_ends(machine: Seeing, place: Path) -> None:
    """One pod, all of whose containers say something else; the first one lives twice."""
    said = place / "deep" / "said"
    log = {"terminationMessagePolicy": "FallbackToLogsOnError"}
    described = Pod.model_validate({
        "metadata": {"name": "says", "namespace": "default"},
        "spec": {
            "restartPolicy": "Never",
            "initContainers": [container("init", f"printf begun > {said}", said)],
            "containers": [
                container(
                    "twice", f"test -s {said} && exit 9; test -e {place}/lived && printf second > {said} && exit 0; "
                    f"touch {place}/lived; echo first > {said}; exit 1", said, restartPolicy="OnFailure",
                ),
                container("log", "seq 100; echo why >&2; exit 1", **log),
                container("user", f"printf '\\377mine' > {said}; exit 1", said, **log,
                          securityContext={"runAsUser": 65534, "readOnlyRootFilesystem": True}),
                container("huge", f"truncate -s 1G {said}; printf %04096d 0 >> {said}", said),
                container("fifo", "cd ../messages && rm fifo.0 && mkfifo fifo.0; echo no; exit 1", said, **log),
            ],
        },
    })  # fmt: skip
    await machine.make(described)

    async def check() -> Pod | None:
        pod = await machine.client.get(Pod, "says", "default")
        return pod if pod.status.phase == "Failed" else None

    pod = await eventually(check, within_s=WITHIN_S, what="all containers have ended")
    assert pod is not None
    statuses = {each.name: each for each in (*pod.status.init_container_statuses, *pod.status.container_statuses)}
    assert _ended(statuses["twice"].last_state.terminated) == (1, "first\n")
    assert {name: _ended(status.state.terminated) for name, status in statuses.items()} == {
        "init": (0, "begun"),
        "twice": (0, "second"),
        "log": (1, "".join(f"{number}\n" for number in range(22, 101)) + "why\n"),
        "user": (1, "\N{REPLACEMENT CHARACTER}mine"),
        "huge": (0, "0" * 2048),
        "fifo": (1, f"Error on reading termination log {said}: it is a FIFO"),
    }
    assert said.stat().st_size == 0, "nobody else on the machine sees what was written"
    await machine.gone("says")


def _ended(told: ContainerStateTerminated | None) -> tuple[int, str] | None:
    return (told.exit_code, told.message) if told is not None else None

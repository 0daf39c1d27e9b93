"""What keeps real programs from running, with the reason where people look for it: the state of the container."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from proto.objects.pod import Pod
from proto.objects.pod_status import ContainerStatus
from tests.configuration.seeing import Seeing, shell
from tests.waiting import eventually

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can run programs as others"),
]

RUN, CONFIG, CREATE = "RunContainerError", "CreateContainerConfigError", "CreateContainerError"
NOT_THERE = {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "not-there", "key": "a"}}}
NO_SECRET = {"secretRef": {"name": "not-there"}}
FAILING = {"postStart": {"exec": {"command": ["/bin/sh", "-c", "echo no; exit 7"]}}}


def cases(place: Path) -> dict[str, tuple[dict[str, Any], str, str]]:
    """Names to containers, and the reason and a part of the message that are expected of each."""
    (place / "plain").write_text("true\n")
    (place / "script").write_text("#!/no/such/interpreter\n")
    (place / "script").chmod(0o755)
    (place / "foreign").write_bytes(b"\x7fELF of another machine")
    (place / "foreign").chmod(0o755)
    empty = {"volumes": [{"name": "v", "emptyDir": {}}]}
    return {
        "no-program": ({"command": ["no-such-program"]}, RUN, "cannot execute 'no-such-program' (not found in PATH"),
        "no-file": ({"command": ["/no/such/file"]}, RUN, "cannot execute '/no/such/file': No such file or directory"),
        "not-executable": ({"command": [f"{place}/plain"]}, RUN, "/plain' (it is not executable for this user)"),
        "folder": ({"command": [str(place)]}, RUN, f"cannot execute '{place}' (it is a folder): Permission denied"),
        "foreign": ({"command": [f"{place}/foreign"]}, RUN, "nor a program for this kind of machine): Exec"),
        "in-the-way": ({"volumeMounts": [{"name": "v", "mountPath": f"{place}/plain"}], "pod": empty}, RUN,
                       f"cannot mount a folder at '{place}/plain' (a file is there): File exists"),
        "below-a-file": ({"volumeMounts": [{"name": "v", "mountPath": f"{place}/plain/v"}], "pod": empty}, RUN,
                         f"cannot mount a folder at '{place}/plain/v': Not a directory"),
        "interpreter": ({"command": [f"{place}/script"]}, RUN, f"'{place}/script' (its interpreter is missing)"),
        "no-folder": ({"workingDir": "/no/such"}, RUN, "cannot enter working directory '/no/such'"),
        "hook": ({"lifecycle": FAILING}, "PostStartHookError", "failed - error: no"),
        "no-config-map": ({"env": [NOT_THERE]}, CONFIG, 'configmap "not-there" not found'),
        "no-secret": ({"envFrom": [NO_SECRET]}, CONFIG, 'secret "not-there" not found'),
        "root": ({"securityContext": {"runAsNonRoot": True}}, CONFIG, "would run as root"),
        "seccomp": ({"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}, CREATE, "seccompProfile"),
        "rlimit": ({"securityContext": {"runAsUser": 1000, "rlimits": [{"name": "nofile", "soft": 2**40}]}}, RUN,
                   "cannot set resource limit nofile"),
    }  # fmt: skip


async def test_every_failure_has_its_reason_in_the_containers_state(machine: Seeing, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    wanted = cases(tmp_path)
    seen: dict[str, ContainerStatus] = {}

    async def all_told() -> bool:
        """They are looked at together: a program that fails tells why until its second restart, ten seconds long."""
        for pod in (await machine.client.list(Pod, "default")).items:
            _, reason, words = wanted.get(pod.metadata.name, (None, "", ""))
            for status in pod.status.container_statuses:
                waiting = status.state.waiting
                if reason and waiting is not None and waiting.reason == reason and words in waiting.message:
                    seen[pod.metadata.name] = status
        assert not wanted.keys() - seen.keys(), f"not told: {wanted.keys() - seen.keys()}"
        return True

    pods = (shell(name, "sleep 100", restart="Always", **what) for name, (what, _, _) in wanted.items())
    await asyncio.gather(machine.make(*pods), eventually(all_told, within_s=20, every_s=0.1, what="all wait"))
    for name, (_, reason, words) in wanted.items():
        ended = seen[name].last_state.terminated
        if reason == RUN:
            assert ended is not None and (ended.reason, ended.exit_code) == ("StartError", 128)
            assert words in await machine.event(name, "Failed")
    for name in wanted:
        await machine.client.delete(Pod, name, "default", grace_s=0)

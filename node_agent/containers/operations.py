"""Performing steps: a planned start, stop or removal becomes a call of the runtime.

Every call is safe to repeat: ids are never used twice, so a start whose answer was lost is simply asked for again.

Reads: steps. Writes: the runtime, the pod's directories. Never: decides what comes next.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Mapping
from pathlib import Path

from node_agent.containers.messages import Messages
from node_agent.plan.container_ids import ContainerId, parse_container_id
from node_agent.plan.ending import stop_grace_s
from node_agent.plan.environment import HOME
from node_agent.plan.lives import OOM_KILLS_ANNOTATION, SERIES_ANNOTATION
from node_agent.plan.messages import MessageSource
from node_agent.plan.security import folder_owner
from node_agent.plan.surroundings import Surroundings
from node_agent.plan.view import Start
from node_agent.plan.volumes import File
from node_agent.runtime.abilities import (
    Attaches,
    Attachment,
    CommandFiles,
    Converses,
    Executed,
    Executes,
    KillsLater,
    ProcessState,
    Resizes,
    Sweeps,
    Swept,
    TellsProcesses,
)
from node_agent.runtime.accounts import home_of
from node_agent.runtime.port import (
    ContainerSpec,
    ContainerState,
    Fence,
    Limits,
    LogPolicy,
    NoSuchContainer,
    Runtime,
    RuntimeFailure,
    StartFailed,
)
from node_agent.settings import AgentSettings
from node_agent.storage.port import Storage
from node_agent.volumes.keeper import VolumeKeeper
from proto.disconnection import disconnection
from proto.objects.pod import Pod
from proto.paths import place_of

NAMESPACE_ANNOTATION = "setpoint.dev/namespace"
POD_ANNOTATION = "setpoint.dev/pod"
GRACE_ANNOTATION = "setpoint.dev/grace-s"
DEFAULT_GRACE_S = 30.0
DEFAULT_TERM = "xterm"
"""The type of a terminal whose owner does not tell, as in most container runtimes."""


class Operations:
    """What the agent does to containers."""

    def __init__(self, runtime: Runtime, storage: Storage, settings: AgentSettings) -> None:
        self._runtime = runtime
        self._storage = storage
        self._settings = settings
        self._volumes = VolumeKeeper(storage)
        self._messages = Messages(storage)
        self._homes: dict[int, str] = {}

    async def start(self, pod: Pod, step: Start) -> ContainerState:
        """Start a container's next life.

        Raises:
            StartFailed: the program cannot be executed.
            RuntimeUnavailable: perhaps started; ask again.
            StorageFailure: the pod's directory, or a volume, cannot be made.
        """
        launch = step.launch
        if (launch.stdin or launch.tty) and not isinstance(self._runtime, Attaches):
            raise StartFailed(
                errno.ENOTSUP, f"the runtime of this node cannot keep stdin or tty of {step.id.container}"
            )
        files = self._storage.prepare_pod(step.id.pod_uid, folder_owner(pod))
        mounts = await self._volumes.mounts_of(step.id.pod_uid, launch.volumes, _group(pod))
        if launch.message_path:
            mounts = (*mounts, (str(self._messages.file_for(step.id)), launch.message_path, False))
        deepest_last = tuple(sorted(mounts, key=lambda mount: place_of(mount[1])))
        env = await self._env(launch.env, launch.security.uid)
        spec = ContainerSpec(
            id=str(step.id),
            argv=launch.argv,
            env={"TERM": DEFAULT_TERM, **env} if launch.tty else env,
            working_dir=Path(launch.working_dir) if launch.working_dir else files,
            limits=launch.limits,
            log=self._log(step.id),
            annotations={
                SERIES_ANNOTATION: str(step.series),
                OOM_KILLS_ANNOTATION: str(step.oom_kills),
                NAMESPACE_ANNOTATION: pod.metadata.namespace,
                POD_ANNOTATION: pod.metadata.name,
                GRACE_ANNOTATION: str(stop_grace_s(pod)),
            },
            fence=_fence(pod),
            level=launch.level,
            oom_score_adj=launch.oom_score_adj,
            stop_signal=launch.stop_signal,
            security=launch.security._replace(mounts=deepest_last),
            stdin=launch.stdin,
            stdin_once=launch.stdin_once,
            tty=launch.tty,
        )
        try:
            return await self._runtime.start(spec)
        except StartFailed:
            self._messages.remove(step.id)  # No life, so nobody will ask for its removal.
            raise

    def volumes_are_current(self, pod: Pod, files: Mapping[str, Mapping[str, File]]) -> bool:
        """Whether the files of a pod's volumes were told of before."""
        return self._volumes.is_current(pod.metadata.uid, files)

    async def refresh_volumes(self, pod: Pod, files: Mapping[str, Mapping[str, File]]) -> None:
        """Bring the files of a pod's volumes to what they should be now.

        Raises:
            StorageFailure
        """
        await self._volumes.refresh(pod.metadata.uid, files, _group(pod))

    async def remove_files(self, pod_uid: str) -> None:
        """Remove the pod's directory and volumes.

        Raises:
            StorageFailure
        """
        await self._storage.remove_pod(pod_uid)
        self._volumes.forget(pod_uid)

    async def find(self, pod_uid: str) -> tuple[ContainerState, ...]:
        """The pod's containers that the runtime knows now.

        Raises:
            RuntimeUnavailable
        """
        states = await self._runtime.list()
        return tuple(state for state in states if (key := parse_container_id(state.id)) and key.pod_uid == pod_uid)

    async def stop(self, container_id: ContainerId, grace_s: float) -> ContainerState | None:
        """Ask it to end and wait until it has; None if it is unknown.

        Raises:
            RuntimeUnavailable
        """
        with contextlib.suppress(NoSuchContainer):
            return await self._runtime.stop(str(container_id), grace_s)
        return None

    async def kill_after(self, container_id: ContainerId, grace_s: float) -> None:
        """Have it killed when its grace is over, whatever becomes of this agent.

        Raises:
            RuntimeUnavailable
        """
        if isinstance(self._runtime, KillsLater):
            with contextlib.suppress(NoSuchContainer):
                await self._runtime.kill_after(str(container_id), grace_s)

    async def execute(
        self, container_id: ContainerId, argv: tuple[str, ...], given: Surroundings, timeout_s: float | None
    ) -> Executed:
        """Run a command in a container, with the variables and the working directory of its program.

        Raises:
            RuntimeFailure: it could not be run; the message says why.
            StorageFailure: the pod's directory cannot be made.
        """
        if not isinstance(self._runtime, Executes):
            raise RuntimeFailure("the runtime of this node cannot execute commands in a container")
        env, working_dir = await self._begin(given, container_id.pod_uid)
        return await self._runtime.execute(
            str(container_id), argv, env=env, working_dir=working_dir, timeout_s=timeout_s
        )

    async def converse(
        self, pod_uid: str, container_id: str, argv: tuple[str, ...], given: Surroundings, files: CommandFiles
    ) -> int:
        """Run a command in a container for somebody who talks with it; its exit code. Cancelling ends the command.

        Raises:
            RuntimeFailure: it could not be run; the message says why.
            StorageFailure: the pod's directory cannot be made.
        """
        if not isinstance(self._runtime, Converses):
            raise RuntimeFailure("the runtime of this node cannot execute commands in a container")
        env, working_dir = await self._begin(given, pod_uid)
        return await self._runtime.converse(container_id, argv, env=env, working_dir=working_dir, files=files)

    async def attach(self, container_id: str, *, stdin: bool) -> Attachment:
        """A line to a container's own program.

        Raises:
            RuntimeFailure: there is none; the message says why.
        """
        if not isinstance(self._runtime, Attaches):
            raise RuntimeFailure("the runtime of this node cannot attach to the programs of containers")
        return await self._runtime.attach(container_id, stdin=stdin)

    async def processes(self, container_id: str) -> tuple[ProcessState, ...]:
        """All processes of a running container.

        Raises:
            RuntimeFailure: they cannot be told; the message says why.
        """
        if not isinstance(self._runtime, TellsProcesses):
            raise RuntimeFailure("the runtime of this node cannot tell the processes of containers")
        return await self._runtime.processes(container_id)

    async def resize(self, container_id: ContainerId, limits: Limits) -> ContainerState | None:
        """Put other limits in force; None if it is unknown, or the runtime cannot.

        Raises:
            RuntimeFailure: they cannot be kept now.
        """
        if not isinstance(self._runtime, Resizes):
            return None
        with contextlib.suppress(NoSuchContainer):
            return await self._runtime.resize(str(container_id), limits)
        return None

    def message(self, source: MessageSource) -> str:
        """What a program that has ended said of that."""
        return self._messages.read(source)

    async def remove(self, container_id: str) -> None:
        """Forget it, its output and its message.

        Raises:
            RuntimeUnavailable
        """
        await self._runtime.remove(container_id)
        if (key := parse_container_id(container_id)) is not None:
            self._messages.remove(key)

    async def sweep(self, *, dry_run: bool = False) -> tuple[Swept, ...]:
        """What the runtime knows to belong to no container, and away with it; nothing where it cannot tell.

        Raises:
            RuntimeFailure
        """
        return await self._runtime.sweep(dry_run=dry_run) if isinstance(self._runtime, Sweeps) else ()

    async def _env(self, env: Mapping[str, str], uid: int | None) -> Mapping[str, str]:
        """The variables; a program of another user than the agent's has that user's home."""
        if uid is None or HOME in env:
            return env
        if uid not in self._homes:
            home = await asyncio.to_thread(home_of, uid)
            if home is None:
                return {HOME: "/", **env}
            self._homes[uid] = home
        return {HOME: self._homes[uid], **env}

    async def _begin(self, given: Surroundings, pod_uid: str) -> tuple[Mapping[str, str], Path]:
        """The variables of a command in a container, and where it begins: where its program does."""
        working_dir = Path(given.working_dir) if given.working_dir else self._storage.prepare_pod(pod_uid)
        return await self._env(given.env, given.uid), working_dir

    def _log(self, container_id: ContainerId) -> LogPolicy:
        path = self._storage.log_path(container_id.pod_uid, container_id.container, container_id.attempt)
        return LogPolicy(path, self._settings.log_bytes_max, self._settings.log_files_max)


def _group(pod: Pod) -> int:
    """Whom the pod's volumes belong to; -1: the agent's group."""
    return folder_owner(pod)[1]


def _fence(pod: Pod) -> Fence | None:
    """How long the pod may run while the hub does not renew this node's lease; None: for ever."""
    policy = disconnection(pod)
    return Fence(policy.stop_after_s, stop_grace_s(pod)) if policy.stops else None


def annotated_grace_s(annotations: Mapping[str, str]) -> float:
    """How long a container whose pod is not known any more may take to end."""
    try:
        return float(annotations.get(GRACE_ANNOTATION, DEFAULT_GRACE_S))
    except ValueError:
        return DEFAULT_GRACE_S

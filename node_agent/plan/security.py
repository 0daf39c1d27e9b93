"""As whom a container runs and what it may: the pod's security context and its own, as a driver needs them.

What this node cannot keep is said before anything is started. Source: Kubernetes, "Configure a security context"; the
kubelet's `verifyRunAsNonRoot`.
"""

from __future__ import annotations

from dataclasses import dataclass

from node_agent.plan.config import ConfigProblem
from node_agent.plan.isolation import unkept
from node_agent.runtime.port import Security
from proto.objects.container import Container
from proto.objects.pod import Pod
from proto.objects.security import PodSecurityContext, SecurityContext

NO_VIEWS = "cannot give a program a view of its own of the file systems: the kernel gives user namespaces to root alone"


@dataclass(frozen=True, slots=True)
class Account:
    """Who the agent is. One who is not root can be nobody else.

    `views`: its programs can have views of their own of the file systems, which takes root, or a kernel that gives user
    namespaces to all.
    """

    uid: int = 0
    gid: int = 0
    groups: frozenset[int] = frozenset()
    views: bool = True

    @property
    def other(self) -> str:
        """That it is not root, as messages begin."""
        return f"this node's agent runs as user {self.uid}, not as root,"


class CannotKeep(Exception):
    """This node cannot give the container what it asks for (`CreateContainerError`)."""


def security_of(pod: Pod, container: Container, agent: Account) -> Security:
    """What the driver is told.

    Raises:
        ConfigProblem: it would run as root, and may not.
        CannotKeep: the agent has not the rights for it, or no process can have it.
    """
    if problem := unkept(pod, container):
        raise CannotKeep(problem)
    common = pod.spec.security_context or PodSecurityContext()
    own = container.security_context or SecurityContext()
    further = (*common.supplemental_groups, *(() if common.fs_group is None else (common.fs_group,)))
    own_groups = common.supplemental_groups_policy != "Strict"
    security = Security(
        uid=user_of(pod, container),
        gid=_first(own.run_as_group, common.run_as_group),
        groups=further if further or not own_groups else None,
        own_groups=own_groups,
        add_capabilities=own.capabilities.add,
        drop_capabilities=own.capabilities.drop,
        no_new_privileges=own.allow_privilege_escalation is False,
        read_only_root=bool(own.read_only_root_filesystem),
        rlimits=tuple((one.name, one.soft, one.soft if one.hard is None else one.hard) for one in own.rlimits),
    )
    if own.run_as_non_root if own.run_as_non_root is not None else common.run_as_non_root:
        _check_non_root(pod, container, security, agent)
    if agent.uid != 0:
        if own.privileged:
            raise CannotKeep(f"securityContext.privileged: {agent.other} and has no more rights to give")
        _check_possible(security, agent)
        _check_mountable(pod, container, agent)
    return security


def user_of(pod: Pod, container: Container) -> int | None:
    """Whom the container runs as; None for the agent's own user."""
    common = pod.spec.security_context or PodSecurityContext()
    own = container.security_context or SecurityContext()
    return _first(own.run_as_user, common.run_as_user)


def folder_owner(pod: Pod) -> tuple[int, int]:
    """User and group that the pod's own folder belongs to, -1 where that is the agent's.

    The user is that of the pod, or of its first container that names one; others share it by `fsGroup`.
    """
    common = pod.spec.security_context or PodSecurityContext()
    contexts = [container.security_context for container in (*pod.spec.containers, *pod.spec.init_containers)]
    users = [common.run_as_user, *(context.run_as_user for context in contexts if context is not None)]
    uid = next((user for user in users if user is not None), -1)
    return uid, -1 if common.fs_group is None else common.fs_group


def _first(own: int | None, common: int | None) -> int | None:
    return own if own is not None else common


def _check_non_root(pod: Pod, container: Container, security: Security, agent: Account) -> None:
    """In the kubelet's words; without a user it is the agent's, as it is an image's there."""
    meta = pod.metadata
    who = f'(pod: "{meta.name}_{meta.namespace}({meta.uid})", container: {container.name})'
    if security.uid == 0:
        raise ConfigProblem(f"container's runAsUser breaks non-root policy {who}")
    if security.uid is None and agent.uid == 0:
        raise ConfigProblem(
            f"container has runAsNonRoot and would run as root, as the node's agent does: set runAsUser {who}"
        )


def _check_possible(security: Security, agent: Account) -> None:
    def refuse(field: str, why: str) -> None:
        raise CannotKeep(f"{field}: {agent.other} and {why}")

    if security.uid not in (None, agent.uid):
        refuse("securityContext.runAsUser", f"cannot run a program as user {security.uid}")
    if security.gid not in (None, agent.gid):
        refuse("securityContext.runAsGroup", f"cannot run a program as group {security.gid}")
    for group in security.groups or ():
        if group not in (agent.gid, *agent.groups):
            refuse("securityContext.supplementalGroups, fsGroup", f"cannot put a program into group {group}")
    if not security.own_groups:
        refuse("securityContext.supplementalGroupsPolicy", "cannot take a program out of its groups")
    if security.add_capabilities:
        refuse("securityContext.capabilities.add", f"has no {', '.join(security.add_capabilities)} to give")
    if security.drop_capabilities and not security.no_new_privileges:
        refuse("securityContext.capabilities.drop", "can keep that only with allowPrivilegeEscalation: false")
    if security.read_only_root and not agent.views:
        refuse("securityContext.readOnlyRootFilesystem", NO_VIEWS)


def _check_mountable(pod: Pod, container: Container, agent: Account) -> None:
    for field, wanted in (
        ("volumeMounts", container.volume_mounts),
        ("terminationMessagePath", container.termination_message_path),
    ):
        if wanted and not agent.views:
            raise CannotKeep(f"{field}: {agent.other} and {NO_VIEWS}")
    mounted = {mount.name for mount in container.volume_mounts}
    for volume in pod.spec.volumes:
        if volume.name in mounted and volume.empty_dir is not None and volume.empty_dir.medium == "Memory":
            raise CannotKeep(f"volumes: {volume.name}: emptyDir.medium: {agent.other} and can mount no memory")

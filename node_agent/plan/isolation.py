"""What a pod asks for that needs more between it and the machine than a process has: filters of system calls, labels,
namespaces of users, parameters of the kernel. PURE.

It is refused before anything starts, never left out: who asks for a filter must not believe to have one.

Reads: security contexts. Returns: why a container cannot be started. Source: Kubernetes, core/v1 SecurityContext.
"""

from __future__ import annotations

from collections.abc import Iterator

from proto.objects.container import Container
from proto.objects.pod import Pod
from proto.objects.security import AppArmorProfile, PodSecurityContext, SeccompProfile, SecurityContext

_NO_PROFILE = "the programs of this node run without one: leave it out, or say Unconfined"


def unkept(pod: Pod, container: Container) -> str:
    """The first thing that the container asks for and no process can have, with its field; "" if there is none."""
    common = pod.spec.security_context or PodSecurityContext()
    own = container.security_context or SecurityContext()
    return next(_all(pod, container, own, common), "")


def _all(pod: Pod, container: Container, own: SecurityContext, common: PodSecurityContext) -> Iterator[str]:
    if pod.spec.os is not None and pod.spec.os.name != "linux":
        yield f"os: this node runs Linux, not {pod.spec.os.name}"
    if pod.spec.runtime_class_name:
        yield f"runtimeClassName: this node has one way to run programs, and no class {pod.spec.runtime_class_name}"
    yield from _profile("seccompProfile", own.seccomp_profile or common.seccomp_profile)
    yield from _profile("appArmorProfile", own.app_armor_profile or common.app_armor_profile)
    if own.se_linux_options or common.se_linux_options:
        yield "securityContext.seLinuxOptions: the programs of this node cannot be given a label of SELinux"
    if own.windows_options or common.windows_options:
        yield "securityContext.windowsOptions: this node runs Linux"
    if common.sysctls:
        names = ", ".join(sysctl.name for sysctl in common.sysctls)
        yield f"securityContext.sysctls: {names}: the kernel's parameters on this node are the machine's, not a pod's"
    if pod.spec.host_users is False:
        yield "hostUsers: the programs of this node have the machine's users, and cannot be given others"
    for mount in container.volume_mounts:
        if mount.mount_propagation == "Bidirectional":
            yield f"volumeMounts: {mount.name}: mountPropagation: what programs of this node mount is theirs alone"
        if mount.recursive_read_only == "Enabled":
            yield f"volumeMounts: {mount.name}: recursiveReadOnly: this node makes only the mount itself read-only"


def _profile(field: str, profile: SeccompProfile | AppArmorProfile | None) -> Iterator[str]:
    if profile is not None and profile.type != "Unconfined":
        named = f" {profile.localhost_profile}" if profile.localhost_profile else ""
        yield f"securityContext.{field}: {profile.type}{named}: {_NO_PROFILE}"

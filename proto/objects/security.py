"""Security contexts: as whom a program runs, and what it may.

Source: Kubernetes API reference, core/v1 SecurityContext and PodSecurityContext.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from proto.objects.meta import INT32_MAX, INT64_MAX, Many, Model, Text, Wanted

SystemId = Annotated[int, Field(ge=0, le=INT32_MAX)]
"""The number of a user or a group."""

RlimitName = Literal[
    "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
    "rttime", "sigpending", "stack",
]  # fmt: skip


class Capabilities(Model):
    """Which powers of root a program has. Names are without `CAP_`; `ALL` is every one."""

    add: Many[str] = ()
    """Those it has even when it does not run as root, or `drop` names ALL."""
    drop: Many[str] = ()
    """Those it can never have."""


RlimitAmount = Annotated[int, Field(ge=-1, le=INT64_MAX), Wanted("a whole number ≥ 0, or -1 for no limit")]


class Rlimit(Model):
    """An extension: a resource limit, as `setrlimit` knows them; -1 is no limit."""

    name: RlimitName
    """Which one, as in RLIMIT_NOFILE, in lower case."""
    soft: RlimitAmount
    """What holds."""
    hard: RlimitAmount | None = None
    """How far the program may raise it; left out, not at all."""


class SELinuxOptions(Model):
    """A label of SELinux. No driver here can give one: a program with it does not start."""

    user: Text = ""
    """The label's user."""
    role: Text = ""
    """The label's role."""
    type: Text = ""
    """The label's type."""
    level: Text = ""
    """The label's level."""


class SeccompProfile(Model):
    """Which system calls a program may make."""

    type: Literal["Unconfined", "RuntimeDefault", "Localhost"]
    """Unconfined: all of them. With another one a program does not start: no driver here has such filters."""
    localhost_profile: Text = ""
    """The filter's file, with Localhost."""


class AppArmorProfile(Model):
    """What AppArmor lets a program do."""

    type: Literal["Unconfined", "RuntimeDefault", "Localhost"]
    """Unconfined: everything. With another one a program does not start: no driver here has such profiles."""
    localhost_profile: Text = ""
    """The profile's name, with Localhost."""


class WindowsSecurityContextOptions(Model):
    """For Windows; a program with any of them does not start."""

    gmsa_credential_spec_name: Text = ""
    """Which credentials."""
    gmsa_credential_spec: Text = ""
    """The credentials."""
    run_as_user_name: Text = ""
    """The user's name."""
    host_process: bool | None = None
    """Whether it is a program of the machine."""


class Sysctl(Model):
    """A parameter of the kernel."""

    name: str
    """Which one, such as `net.core.somaxconn`."""
    value: str
    """Its value."""


class SecurityContext(Model):
    """As whom one program runs, and what it may. What is said here counts more than what is said for the pod."""

    run_as_user: SystemId | None = None
    """The user; left out, that of the node's agent."""
    run_as_group: SystemId | None = None
    """The group; left out, the user's own."""
    run_as_non_root: bool | None = None
    """Whether it may not run as root: then it does not start at all."""
    capabilities: Capabilities = Capabilities()
    """Which powers of root it has."""
    allow_privilege_escalation: bool | None = None
    """false: neither it nor what it starts gains rights by set-user-ID programs or the like (no_new_privs)."""
    read_only_root_filesystem: bool | None = None
    """Whether all file systems but its volumes, /dev and /proc are read-only to it."""
    rlimits: Many[Rlimit] = ()
    """An extension: resource limits of its processes."""
    privileged: bool | None = None
    """true: it has all that the node's agent has, which must be root; nothing stands between it and the machine."""
    proc_mount: Literal["Default", "Unmasked"] | None = None
    """How much of /proc it sees: that of the machine, either way."""
    seccomp_profile: SeccompProfile | None = None
    """Which system calls it may make; left out, the pod's."""
    app_armor_profile: AppArmorProfile | None = None
    """What AppArmor lets it do; left out, the pod's."""
    se_linux_options: SELinuxOptions | None = None
    """Its label of SELinux; a program with one does not start."""
    windows_options: WindowsSecurityContextOptions | None = None
    """For Windows; a program with any of them does not start."""


class PodSecurityContext(Model):
    """As whom the programs of a pod run."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset({"seLinuxChangePolicy"})

    run_as_user: SystemId | None = None
    """The user; left out, that of the node's agent."""
    run_as_group: SystemId | None = None
    """The group; left out, the user's own."""
    run_as_non_root: bool | None = None
    """Whether they may not run as root: then they do not start at all."""
    supplemental_groups: Many[SystemId] = ()
    """Further groups that they are in."""
    supplemental_groups_policy: Literal["Merge", "Strict"] | None = None
    """Whether they are in the user's own groups, too; left out: Merge, which says yes."""
    fs_group: SystemId | None = None
    """A further group that they are in, which the pod's own folder and volumes belong to."""
    fs_group_change_policy: Literal["Always", "OnRootMismatch"] | None = None
    """When the owner of what is in a volume is changed; the volumes that there are belong to it from the beginning."""
    sysctls: Many[Sysctl] = ()
    """Parameters of the kernel; programs that want any do not start, since these are the whole machine's."""
    seccomp_profile: SeccompProfile | None = None
    """Which system calls they may make."""
    app_armor_profile: AppArmorProfile | None = None
    """What AppArmor lets them do."""
    se_linux_options: SELinuxOptions | None = None
    """Their label of SELinux; programs with one do not start."""
    windows_options: WindowsSecurityContextOptions | None = None
    """For Windows; programs with any of them do not start."""

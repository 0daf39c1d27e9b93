"""Security contexts: as whom a program runs, and what it may.

Source: Kubernetes API reference, core/v1 SecurityContext and PodSecurityContext.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from proto.objects.meta import INT32_MAX, INT64_MAX, Many, Model

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


class Rlimit(Model):
    """An extension: a resource limit, as `setrlimit` knows them; -1 is no limit."""

    name: RlimitName
    """Which one, as in RLIMIT_NOFILE, in lower case."""
    soft: Annotated[int, Field(ge=-1, le=INT64_MAX)]
    """What holds."""
    hard: Annotated[int, Field(ge=-1, le=INT64_MAX)] | None = None
    """How far the program may raise it; left out, not at all."""


class SecurityContext(Model):
    """As whom one program runs, and what it may. What is said here counts more than what is said for the pod."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset(
        {"appArmorProfile", "privileged", "procMount", "seLinuxOptions", "seccompProfile", "windowsOptions"}
    )

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


class PodSecurityContext(Model):
    """As whom the programs of a pod run."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset(
        {"appArmorProfile", "fsGroupChangePolicy", "seLinuxChangePolicy", "seLinuxOptions", "seccompProfile",
         "sysctls", "windowsOptions"}
    )  # fmt: skip

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

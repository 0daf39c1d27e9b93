"""What a security context must be; types and ranges of numbers are the schema's.

Source: Kubernetes `pkg/apis/core/validation/validation.go` (ValidateSecurityContext).
"""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.api.validation.problems import Problems
from proto.capabilities import ALL, CAPABILITIES
from proto.objects.security import PodSecurityContext, Rlimit, SecurityContext

_UNLIMITED = -1


def check_security_context(context: SecurityContext, path: str, problems: Problems) -> None:
    """The security context of a container."""
    for field, named in (("add", context.capabilities.add), ("drop", context.capabilities.drop)):
        for index, name in enumerate(named):
            if name != ALL and name not in CAPABILITIES:
                problems.unsupported(f"{path}.capabilities.{field}[{index}]", name, (ALL, *CAPABILITIES))
    if context.privileged and context.allow_privilege_escalation is False:
        problems.invalid(path, "", "cannot set `allowPrivilegeEscalation` to false and `privileged` to true")
    _check_profiles(context, path, problems)
    _check_rlimits(context.rlimits, f"{path}.rlimits", problems)


def _check_profiles(context: SecurityContext | PodSecurityContext, path: str, problems: Problems) -> None:
    """Profiles name a file exactly if they are of that type."""
    profiles = (("seccompProfile", context.seccomp_profile), ("appArmorProfile", context.app_armor_profile))
    for field, profile in profiles:
        if profile is None:
            continue
        own = f"{path}.{field}.localhostProfile"
        if profile.type == "Localhost" and not profile.localhost_profile:
            problems.required(own, "must be set when the type is Localhost")
        elif profile.type != "Localhost" and profile.localhost_profile:
            problems.invalid(own, profile.localhost_profile, "can only be set when the type is Localhost")


def check_pod_security_context(context: PodSecurityContext, path: str, problems: Problems) -> None:
    """The security context of a pod."""
    _check_profiles(context, path, problems)
    seen: set[str] = set()
    for index, sysctl in enumerate(context.sysctls):
        own = f"{path}.sysctls[{index}].name"
        if not sysctl.name:
            problems.required(own)
        elif sysctl.name in seen:
            problems.duplicate(own, sysctl.name)
        seen.add(sysctl.name)


def _check_rlimits(rlimits: Sequence[Rlimit], path: str, problems: Problems) -> None:
    seen: set[str] = set()
    for index, rlimit in enumerate(rlimits):
        if rlimit.name in seen:
            problems.duplicate(f"{path}[{index}].name", rlimit.name)
        seen.add(rlimit.name)
        hard = rlimit.hard
        if hard is None or hard == _UNLIMITED:
            continue
        if rlimit.soft == _UNLIMITED or rlimit.soft > hard:
            problems.invalid(
                f"{path}[{index}].soft", rlimit.soft, f"must be less than or equal to hard limit of {hard}"
            )

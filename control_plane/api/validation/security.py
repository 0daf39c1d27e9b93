"""What a security context must be; types and ranges of numbers are the schema's.

Source: Kubernetes `pkg/apis/core/validation/validation.go` (ValidateSecurityContext).
"""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.api.validation.problems import Problems
from proto.capabilities import ALL, CAPABILITIES
from proto.objects.security import Rlimit, SecurityContext

_UNLIMITED = -1


def check_security_context(context: SecurityContext, path: str, problems: Problems) -> None:
    """The security context of a container."""
    for field, named in (("add", context.capabilities.add), ("drop", context.capabilities.drop)):
        for index, name in enumerate(named):
            if name != ALL and name not in CAPABILITIES:
                problems.unsupported(f"{path}.capabilities.{field}[{index}]", name, (ALL, *CAPABILITIES))
    _check_rlimits(context.rlimits, f"{path}.rlimits", problems)


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

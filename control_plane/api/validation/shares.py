"""What a number of pods must be that may also be a percentage, such as `maxSurge`.

Source: Kubernetes `pkg/apis/apps/validation/validation.go` (ValidatePositiveIntOrPercent, IsNotMoreThan100Percent).
"""

from __future__ import annotations

import re

from control_plane.api.validation.problems import Problems
from proto.objects.apps import IntOrPercent

_PERCENT = re.compile(r"[0-9]{1,9}%")
_PERCENT_WORDS = (
    "a valid percent string must be a numeric string followed by an ending '%' "
    "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
)


def check_share(value: IntOrPercent, path: str, problems: Problems) -> int | None:
    """A count or a percentage, neither below 0; returns the number in it, if it is one."""
    if isinstance(value, str):
        if not _PERCENT.fullmatch(value):
            problems.invalid(path, value, _PERCENT_WORDS)
            return None
        return int(value[:-1])
    if not 0 <= value < 2**31:
        problems.invalid(
            path, value, "must be greater than or equal to 0" if value < 0 else "must be less than 2147483648"
        )
        return None
    return value


def check_not_above_all(value: IntOrPercent, path: str, problems: Problems) -> None:
    """A percentage may not be of more than there are."""
    if isinstance(value, str) and _PERCENT.fullmatch(value) and int(value[:-1]) > 100:
        problems.invalid(path, value, "must not be greater than 100%")

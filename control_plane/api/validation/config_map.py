"""What a ConfigMap must be. Source: Kubernetes `pkg/apis/core/validation/validation.go` (ValidateConfigMap)."""

from __future__ import annotations

from collections.abc import Mapping

from control_plane.api.validation.problems import Problems
from proto import names
from proto.base64_text import decoded
from proto.objects.core import ConfigMap
from proto.objects.secret import Secret

DATA_BYTES_MAX = 1024 * 1024


def check(config: ConfigMap, problems: Problems) -> None:
    """Keys that can be names of files, binary values that can be decoded, and not too much of all."""
    for key in config.data:
        problems.name(f"data[{key:.80}]", key, names.config_key_problem(key))
        if key in config.binary_data:
            problems.invalid(f"data[{key:.80}]", key, "duplicate of key present in binaryData")
    for key, value in config.binary_data.items():
        problems.name(f"binaryData[{key:.80}]", key, names.config_key_problem(key))
        if decoded(value) is None:
            problems.invalid(f"binaryData[{key:.80}]", value, "must be base64")
    size = sum(len(value.encode()) for value in (*config.data.values(), *config.binary_data.values()))
    if size > DATA_BYTES_MAX:
        problems.too_long("data", DATA_BYTES_MAX)


def check_update(old: ConfigMap, new: ConfigMap, problems: Problems) -> None:
    """An immutable ConfigMap stays as it is, and stays immutable."""
    check_immutable(old, new, {"data": "data", "binaryData": "binary_data"}, problems)


def check_immutable(
    old: ConfigMap | Secret, new: ConfigMap | Secret, fields: Mapping[str, str], problems: Problems
) -> None:
    """What was declared immutable keeps that and its `fields` (the name as it is written, and the model's)."""
    if not old.immutable:
        return
    words = "field is immutable when `immutable` is set"
    if not new.immutable:
        problems.forbidden("immutable", words)
    for written, name in fields.items():
        if getattr(old, name) != getattr(new, name):
            problems.forbidden(written, words)

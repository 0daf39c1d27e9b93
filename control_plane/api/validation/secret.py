"""What a Secret must be. Source: Kubernetes `pkg/apis/core/validation/validation.go` (ValidateSecret).

Never: shows a value of a Secret in a message.
"""

from __future__ import annotations

import json

from control_plane.api.validation.config_map import DATA_BYTES_MAX, check_immutable
from control_plane.api.validation.problems import Problems
from proto import names
from proto.base64_text import decoded
from proto.objects.secret import Secret

_HIDDEN = "<secret contents redacted>"
_SERVICE_ACCOUNT = "kubernetes.io/service-account.name"
_JSON_KEYS = {
    "kubernetes.io/dockercfg": ".dockercfg",
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
}
_NEEDED_KEYS = {
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
_BASIC_AUTH_KEYS = ("username", "password")


def check(secret: Secret, problems: Problems) -> None:
    """Keys that can be names of files, values that can be decoded, what its type needs, and not too much of all."""
    size = 0
    for key, text in secret.data.items():
        path = f"data[{key:.80}]"
        problems.name(path, key, names.config_key_problem(key))
        value = decoded(text)
        if value is None:
            problems.invalid(path, _HIDDEN, "must be base64")
        size += len(value or b"")
    if size > DATA_BYTES_MAX:
        problems.too_long("data", DATA_BYTES_MAX)
    _check_type(secret, problems)


def check_update(old: Secret, new: Secret, problems: Problems) -> None:
    """The type is for ever; an immutable Secret stays as it is, and stays immutable."""
    if old.type != new.type:
        problems.invalid("type", new.type, "field is immutable")
    check_immutable(old, new, {"data": "data"}, problems)


def _check_type(secret: Secret, problems: Problems) -> None:
    """What Kubernetes asks of the types that it knows; any other may hold anything."""
    for key in _NEEDED_KEYS.get(secret.type, ()):
        if key not in secret.data:
            problems.required(f"data[{key}]")
    if secret.type == "kubernetes.io/basic-auth" and not any(key in secret.data for key in _BASIC_AUTH_KEYS):
        for key in _BASIC_AUTH_KEYS:
            problems.required(f"data[{key}]")
    if secret.type == "kubernetes.io/service-account-token" and not secret.metadata.annotations.get(_SERVICE_ACCOUNT):
        problems.required(f"metadata.annotations[{_SERVICE_ACCOUNT}]")
    if json_key := _JSON_KEYS.get(secret.type):
        _check_json(secret, json_key, problems)


def _check_json(secret: Secret, key: str, problems: Problems) -> None:
    if key not in secret.data:
        problems.required(f"data[{key}]")
        return
    try:
        json.loads(decoded(secret.data[key]) or b"")
    except ValueError:
        problems.invalid(f"data[{key}]", _HIDDEN, "must be JSON")

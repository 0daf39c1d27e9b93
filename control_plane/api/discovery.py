"""Discovery: what exists, and which version answers.

    sp.api.get.meta.api-resources._   every kind with its names, scope, subresources and verbs
    sp.api.get.meta.version._         the version of this control plane

Reads: the catalog. Writes nothing.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from proto import subjects
from proto.catalog import KINDS, Kind
from proto.errors import NotFound
from proto.spelling import did_you_mean

PREFIX = f"{subjects.API_PREFIX}.get.meta."


def answer(subject: str) -> dict[str, Any]:
    """What a subject that begins with `PREFIX` asks for.

    Raises:
        NotFound: there is no such thing to discover.
    """
    topic = subject.removeprefix(PREFIX).partition(".")[0]
    if topic == "api-resources":
        return {"apiVersion": "v1", "kind": "APIResourceList", "groupVersion": "", "resources": _resources()}
    if topic == "version":
        return {"apiVersion": "v1", "kind": "Version", "version": own_version()}
    raise NotFound(
        f'the server could not find the requested resource "meta.{topic}"'
        f"{did_you_mean(topic, ('api-resources', 'version'))}"
    )


@lru_cache(maxsize=1)
def own_version() -> str:
    """The version of the installed program."""
    try:
        return version("setpoint")
    except PackageNotFoundError:  # Run from a checkout that nobody installed.
        return "unknown"


def _resources() -> list[dict[str, Any]]:
    return [_resource(kind) for kind in KINDS]


def _resource(kind: Kind) -> dict[str, Any]:
    """One entry, in the spelling of Kubernetes' APIResource."""
    without = ("deletecollection",) if kind.kind == "Namespace" else ()
    return {
        "name": kind.resource,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "group": kind.group,
        "version": kind.version,
        "kind": kind.kind,
        "verbs": [verb for verb in subjects.VERBS if verb not in without],
        "shortNames": list(kind.short_names),
        "subresources": list(kind.subresources),
    }

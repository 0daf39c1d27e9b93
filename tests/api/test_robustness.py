"""Whatever is sent: an object that can be stored, or causes; never an exception of ours."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.api.defaults import with_defaults
from control_plane.api.patching import apply_json_patch, merge
from control_plane.api.validation import check_new, check_update
from control_plane.api.warnings import warnings_of
from control_plane.store.lifecycle import for_create, for_update
from proto import catalog, codec
from proto.errors import ApiError
from proto.objects.meta import evolve
from proto.printing import table
from proto.schema import read_strict
from tests.api.cluster import Raw, deployment, pod

NOW = datetime(2026, 1, 1, tzinfo=UTC)

WHOLE_POD = pod(
    nodeName="n1",
    nodeSelector={"a": "b"},
    tolerations=[{"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 3}],
    containers=[
        {
            "name": "c",
            "image": "host",
            "command": ["x"],
            "args": ["y"],
            "workingDir": "/",
            "env": [
                {"name": "A", "value": "b"},
                {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            ],
            "envFrom": [{"configMapRef": {"name": "m"}}],
            "ports": [{"containerPort": 80, "hostPort": 80, "name": "http"}],
            "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}},
        }
    ],
)
WHOLE: dict[str, Raw] = {
    "Pod": WHOLE_POD,
    "Deployment": deployment(
        strategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": "25%"}},
        selector={
            "matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}],
        },
    ),
    "Node": {
        "metadata": {"name": "n", "labels": {"a": "b"}},
        "spec": {"taints": [{"key": "a", "effect": "NoExecute", "timeAdded": "2026-01-01T00:00:00Z"}]},
        "status": {"capacity": {"cpu": "4"}, "conditions": [{"type": "Ready", "status": "True"}]},
    },
    "ConfigMap": {"metadata": {"name": "c"}, "data": {"a": "b"}, "binaryData": {"c": "eA=="}, "immutable": False},
    "Lease": {"metadata": {"name": "l"}, "spec": {"leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00.5Z"}},
    "Event": {"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "p"}, "count": 2, "reason": "R"},
    "Namespace": {"metadata": {"name": "n", "finalizers": ["example.com/x"]}, "spec": {"finalizers": ["kubernetes"]}},
}
for _raw in WHOLE.values():
    _raw["metadata"] = {**_raw["metadata"], "annotations": {"k": "v"}, "ownerReferences": [
        {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u", "controller": True}]}  # fmt: skip


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, child in children for found in paths(child, (*path, key)))]


scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8) | st.sampled_from(["", "0", "-1", "1e9", "50%", "x" * 300, "\0", "ä", "2026-01-01T00:00:00Z"])
)  # fmt: skip
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, Raw]:
    """A whole object with one to three of its parts replaced, removed or added."""
    kind = draw(st.sampled_from(sorted(WHOLE)))
    raw = copy.deepcopy(WHOLE[kind])
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(paths(raw)[1:] or [("metadata",)]))
        place: Any = raw
        for step in way:
            place = place[step]
        action = draw(st.sampled_from(["replace", "remove", "add"]))
        if action == "replace" or isinstance(place, list):
            place[last] = draw(values)
        elif action == "remove":
            place.pop(last, None)
        else:
            place[draw(st.text(max_size=6))] = draw(values)
    return kind, raw


@pytest.mark.parametrize("kind", sorted(WHOLE))
def test_the_whole_objects_are_good(kind: str) -> None:
    reading = read_strict(copy.deepcopy(WHOLE[kind]), catalog.BY_KIND[kind])
    assert not reading.causes and reading.object is not None
    assert not check_new(with_defaults(reading.object))


@settings(max_examples=300, deadline=None)
@given(damaged())
def test_a_damaged_object_is_refused_with_causes_or_can_be_stored(case: tuple[str, Raw]) -> None:
    kind, raw = case
    reading = read_strict(raw, catalog.BY_KIND[kind])
    if reading.causes:
        assert all(str(cause) for cause in reading.causes)
        return
    assert reading.object is not None
    if (reading.object.api_version, reading.object.kind) != (catalog.BY_KIND[kind].api_version, kind):
        return  # The API compares them with what the subject says before it reads on.
    obj = with_defaults(evolve(reading.object, **{"metadata.namespace": ""}))
    warnings_of(obj)
    if check_new(obj):
        return
    stored = for_create(obj, uid="u", now=NOW)
    back = codec.unpack_stored(codec.pack_stored(stored), 1)
    assert not check_update(back, back)
    assert for_update(back, back) is back
    table(catalog.BY_KIND[kind], [back], NOW, True)


pointers = st.lists(
    st.sampled_from(["spec", "replicas", "template", "metadata", "labels", "0", "-", "", "x", "~1", "~", "containers"]),
    max_size=4,
).map(lambda parts: "".join(f"/{part}" for part in parts))
operations = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": pointers},
    optional={"from": pointers, "value": values},
)


@settings(max_examples=300, deadline=None)
@given(st.lists(operations, max_size=5))
def test_a_json_patch_makes_a_document_or_is_refused(patch: list[Raw]) -> None:
    document = deployment()
    before = copy.deepcopy(document)
    try:
        assert isinstance(apply_json_patch(patch, document), dict)
    except ApiError as refusal:
        assert refusal.message
    assert document == before, "the document itself is never changed"


@given(st.dictionaries(st.text(max_size=3), values), st.dictionaries(st.text(max_size=3), values))
def test_a_merge_patch_applied_twice_is_the_same(document: Raw, patch: Raw) -> None:
    once = merge(document, patch)
    assert merge(once, patch) == once

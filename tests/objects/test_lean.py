"""What becomes of an object that is kept for long."""

from __future__ import annotations

from proto import codec
from proto.objects.lean import lean
from proto.objects.meta import evolve
from proto.objects.pod import Pod

RAW = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u"}]},
    "spec": {"containers": [{"name": "app", "command": ["serve"], "ports": [{"containerPort": 80}]}]},
}


def test_it_says_the_same() -> None:
    given, kept = Pod.model_validate(RAW), lean(Pod.model_validate(RAW))
    assert kept == given
    assert codec.to_dict(kept) == codec.to_dict(given)


def test_nothing_in_it_remembers_which_fields_were_given() -> None:
    kept = lean(Pod.model_validate(RAW))
    parts = (kept, kept.metadata, kept.metadata.owner_references[0], kept.spec, kept.spec.containers[0].ports[0])
    assert [part.model_fields_set for part in parts] == [set()] * len(parts)


def test_a_changed_copy_changes_nothing_for_others() -> None:
    kept, other = lean(Pod.model_validate(RAW)), lean(Pod.model_validate(RAW))
    changed = evolve(kept, **{"metadata.name": "changed"})
    assert changed.metadata.name == "changed"
    assert kept == other
    assert other.model_fields_set == set()

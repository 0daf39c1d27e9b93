"""What every object's metadata must be: name, labels, annotations, owners, finalizers.

Source: Kubernetes `apimachinery/pkg/api/validation/objectmeta.go`.
"""

from __future__ import annotations

from collections.abc import Mapping

from control_plane.api.validation.problems import Problems
from proto import catalog, names
from proto.objects.meta import Object, ObjectMeta

ANNOTATIONS_BYTES_MAX = 256 * 1024
_PLAIN_FINALIZERS = ("orphan", "foregroundDeletion", "kubernetes")


def check(obj: Object, problems: Problems) -> None:
    """The whole metadata of a stored object."""
    _check_name(obj, problems)
    if obj.metadata.namespace:
        problems.name("metadata.namespace", obj.metadata.namespace, names.label_problem(obj.metadata.namespace))
    check_labels(obj.metadata.labels, "metadata.labels", problems)
    check_annotations(obj.metadata.annotations, "metadata.annotations", problems)
    _check_owners(obj.metadata, problems)
    _check_finalizers(obj.metadata, problems)


def _check_name(obj: Object, problems: Problems) -> None:
    """A drawn name is as good as the beginning that its writer gave; the dash at that one's end is no end of a name."""
    rule = names.label_problem if catalog.of(obj).name_rule == "label" else names.subdomain_problem
    base, name = obj.metadata.generate_name, obj.metadata.name
    if base and (problem := rule(base[:-1] + "x" if base.endswith("-") else base)):
        problems.invalid("metadata.generateName", base, problem)
    else:
        problems.name("metadata.name", name, rule(name))


def check_labels(labels: Mapping[str, str], path: str, problems: Problems) -> None:
    """Keys are qualified names, values are short."""
    for key, value in labels.items():
        problems.name(path, key, names.label_key_problem(key))
        problems.name(path, value, names.label_value_problem(value))


def check_annotations(annotations: Mapping[str, str], path: str, problems: Problems) -> None:
    """Keys are qualified names in any case; all together are of bounded size."""
    size = 0
    for key, value in annotations.items():
        problems.name(path, key, names.label_key_problem(key.lower()))
        size += len(key.encode()) + len(value.encode())
    if size > ANNOTATIONS_BYTES_MAX:
        problems.too_long(path, ANNOTATIONS_BYTES_MAX)


def _check_owners(metadata: ObjectMeta, problems: Problems) -> None:
    controller = ""
    for index, owner in enumerate(metadata.owner_references):
        path = f"metadata.ownerReferences[{index}]"
        for field, value in (("apiVersion", owner.api_version), ("kind", owner.kind), ("name", owner.name),
                             ("uid", owner.uid)):  # fmt: skip
            if not value:
                problems.invalid(f"{path}.{field}", value, f"{field} must not be empty")
        if owner.controller and controller:
            problems.invalid(
                "metadata.ownerReferences",
                f"{owner.kind}/{owner.name}",
                "Only one reference can have Controller set to true. "
                f'Found "true" in references for {controller} and {owner.kind}/{owner.name}',
            )
        elif owner.controller:
            controller = f"{owner.kind}/{owner.name}"


def _check_finalizers(metadata: ObjectMeta, problems: Problems) -> None:
    for index, name in enumerate(metadata.finalizers):
        path = f"metadata.finalizers[{index}]"
        if problem := names.label_key_problem(name):
            problems.invalid(path, name, problem)
        elif "/" not in name and name not in _PLAIN_FINALIZERS:
            problems.invalid(path, name, "name is neither a standard finalizer name nor is it fully qualified")

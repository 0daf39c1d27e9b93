"""What may change in a pod by its resize subresource: cpu and memory of its containers, within its class.

Source: Kubernetes `pkg/apis/core/validation/validation.go`, ValidatePodResize.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from control_plane.api.validation.container import check_resources
from control_plane.api.validation.problems import EnoughProblems, Problems
from proto.errors import Cause
from proto.objects.container import Container
from proto.objects.meta import evolve
from proto.objects.pod import Pod
from proto.phases import ENDED
from proto.qos import qos_class

_MUTABLE = ("cpu", "memory")


def check_resize(old: Pod, new: Pod) -> tuple[Cause, ...]:
    """All that is wrong with a resize."""
    problems = Problems()
    with suppress(EnoughProblems):
        _check(old, new, problems)
    return problems.causes


def _check(old: Pod, new: Pod, problems: Problems) -> None:
    if old.status.phase in ENDED:
        problems.forbidden("spec", "a pod that has ended cannot be resized")
        return
    if _without_resources(old) != _without_resources(new):
        problems.forbidden("spec", "only cpu and memory resources are mutable")
        return
    for field, before, after in (
        ("containers", old.spec.containers, new.spec.containers),
        ("initContainers", old.spec.init_containers, new.spec.init_containers),
    ):
        _check_containers(f"spec.{field}", before, after, problems)
    if not problems.causes and qos_class(old.spec) != qos_class(new.spec):
        problems.invalid("spec", qos_class(new.spec), "Pod QOS Class may not change as a result of resizing")


def _check_containers(path: str, old: Sequence[Container], new: Sequence[Container], problems: Problems) -> None:
    for index, (before, after) in enumerate(zip(old, new, strict=True)):
        if before.resources == after.resources:
            continue
        where = f"{path}[{index}].resources"
        if path == "spec.initContainers" and before.restart_policy != "Always":
            problems.forbidden(where, "resources for non-sidecar init containers are immutable")
            continue
        check_resources(after.resources, where, problems)
        for field, had, has in (
            ("limits", before.resources.limits, after.resources.limits),
            ("requests", before.resources.requests, after.resources.requests),
        ):
            for name in sorted(had.keys() | has.keys()):
                if name not in _MUTABLE and had.get(name) != has.get(name):
                    problems.forbidden(f"{where}.{field}", "only cpu and memory resources are mutable")
                elif name in had and name not in has:
                    problems.forbidden(f"{where}.{field}", f"resource {field} cannot be removed")


def _without_resources(pod: Pod) -> object:
    return evolve(
        pod.spec,
        containers=tuple(evolve(each, resources=Container(name="").resources) for each in pod.spec.containers),
        init_containers=tuple(
            evolve(each, resources=Container(name="").resources) for each in pod.spec.init_containers
        ),
    )

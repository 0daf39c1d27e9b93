"""What a pod, and the template of pods, must be, and the little that may change in a pod.

Source: Kubernetes `pkg/apis/core/validation/validation.go` (ValidatePodSpec, ValidatePodUpdate).
"""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.api.validation.affinity import check_affinity
from control_plane.api.validation.container import check_containers
from control_plane.api.validation.health import check_gates
from control_plane.api.validation.metadata import check_annotations, check_labels
from control_plane.api.validation.problems import Problems
from control_plane.api.validation.scheduling_gates import check_fewer_gates, check_scheduling_gates, with_narrowed
from control_plane.api.validation.security import check_pod_security_context
from control_plane.api.validation.volumes import check_volumes
from proto import names
from proto.disconnection import STOP_AFTER_S_MIN
from proto.objects.container import Container
from proto.objects.meta import INT32_MAX, evolve
from proto.objects.pod import (
    DisconnectPolicy,
    OnReconnect,
    Pod,
    PodSpec,
    PodTemplateSpec,
    Toleration,
)

REPLACES: tuple[OnReconnect, ...] = ("keepReplacement",)
"""Most controllers' pods stand for something that only one of them may be, or are counted one by one."""

CHOOSES: tuple[OnReconnect, ...] = ("keepOriginal", "keepReplacement", "keepBest")
"""Where pods are equal, either may go on."""

_MAY_CHANGE = (
    "pod updates may not change fields other than `spec.containers[*].image`, `spec.initContainers[*].image`, "
    "`spec.activeDeadlineSeconds`, `spec.tolerations` (only additions to existing tolerations)"
)


def check(pod: Pod, problems: Problems) -> None:
    """A pod."""
    check_spec(pod.spec, "spec", problems)


def check_template(
    template: PodTemplateSpec, path: str, problems: Problems, *, on_reconnect: Sequence[OnReconnect] = REPLACES
) -> None:
    """The template of a controller whose pods must run for ever."""
    check_any_template(template, path, problems, on_reconnect=on_reconnect)
    if template.spec.restart_policy != "Always":
        problems.unsupported(f"{path}.spec.restartPolicy", template.spec.restart_policy, ("Always",))


def check_any_template(
    template: PodTemplateSpec, path: str, problems: Problems, *, on_reconnect: Sequence[OnReconnect] = REPLACES
) -> None:
    """The template of any controller; `on_reconnect`: which of the choices its pods have."""
    check_labels(template.metadata.labels, f"{path}.metadata.labels", problems)
    check_annotations(template.metadata.annotations, f"{path}.metadata.annotations", problems)
    check_spec(template.spec, f"{path}.spec", problems)
    disconnect = template.spec.disconnect
    if disconnect is not None and disconnect.on_reconnect not in on_reconnect:
        problems.unsupported(f"{path}.spec.disconnect.onReconnect", disconnect.on_reconnect, on_reconnect)


def check_spec(spec: PodSpec, path: str, problems: Problems) -> None:
    """The spec of a pod."""
    check_containers(spec, path, problems)
    check_gates(spec.readiness_gates, f"{path}.readinessGates", problems)
    check_scheduling_gates(spec, path, problems)
    if spec.active_deadline_seconds is not None and not 1 <= spec.active_deadline_seconds <= INT32_MAX:
        problems.invalid(
            f"{path}.activeDeadlineSeconds",
            spec.active_deadline_seconds,
            f"must be between 1 and {INT32_MAX}, inclusive",
        )
    if spec.security_context is not None:
        check_pod_security_context(spec.security_context, f"{path}.securityContext", problems)
    if spec.share_process_namespace and spec.host_pid:
        problems.invalid(
            f"{path}.shareProcessNamespace", True, "ShareProcessNamespace and HostPID cannot both be enabled"
        )
    check_volumes(spec.volumes, f"{path}.volumes", problems)
    check_labels(spec.node_selector, f"{path}.nodeSelector", problems)
    if spec.node_name:
        problems.name(f"{path}.nodeName", spec.node_name, names.subdomain_problem(spec.node_name))
    if spec.affinity is not None:
        check_affinity(spec.affinity, f"{path}.affinity", problems)
    if spec.priority_class_name:
        problems.name(
            f"{path}.priorityClassName", spec.priority_class_name, names.subdomain_problem(spec.priority_class_name)
        )
    if spec.runtime_class_name:
        problems.name(
            f"{path}.runtimeClassName", spec.runtime_class_name, names.subdomain_problem(spec.runtime_class_name)
        )
    for index, toleration in enumerate(spec.tolerations):
        _check_toleration(toleration, f"{path}.tolerations[{index}]", problems)
    if spec.disconnect is not None:
        _check_disconnect(spec.disconnect, f"{path}.disconnect", problems)


def check_update(old: Pod, new: Pod, problems: Problems) -> None:
    """Nearly all of a pod's spec is for its whole life."""
    for field, before, after in (
        ("containers", old.spec.containers, new.spec.containers),
        ("initContainers", old.spec.init_containers, new.spec.init_containers),
    ):
        if len(before) != len(after):
            problems.forbidden(f"spec.{field}", "pod updates may not add or remove containers")
            return
    if not _only_shortened(old.spec.active_deadline_seconds, new.spec.active_deadline_seconds):
        problems.invalid(
            "spec.activeDeadlineSeconds",
            new.spec.active_deadline_seconds,
            f"must be less than or equal to previous value {old.spec.active_deadline_seconds}"
            if new.spec.active_deadline_seconds is not None
            else "must not update from a positive integer to nil value",
        )
        return
    if not _only_added(old.spec.tolerations, new.spec.tolerations):
        problems.forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")
        return
    if not check_fewer_gates(old.spec, new.spec, problems):
        return
    allowed = evolve(
        with_narrowed(old.spec, new.spec),
        containers=_with_images(old.spec.containers, new.spec.containers),
        init_containers=_with_images(old.spec.init_containers, new.spec.init_containers),
        active_deadline_seconds=new.spec.active_deadline_seconds,
        tolerations=new.spec.tolerations,
        scheduling_gates=new.spec.scheduling_gates,
    )
    if allowed != new.spec:
        problems.forbidden("spec", _MAY_CHANGE)


def _with_images(old: Sequence[Container], new: Sequence[Container]) -> tuple[Container, ...]:
    """The old containers with the new ones' images."""
    return tuple(evolve(before, image=after.image) for before, after in zip(old, new, strict=True))


def _only_shortened(old: int | None, new: int | None) -> bool:
    """Whether a deadline was set, or brought closer (Kubernetes: ValidatePodUpdate)."""
    return old is None or (new is not None and new <= old)


def _only_added(old: Sequence[Toleration], new: Sequence[Toleration]) -> bool:
    """Whether every old toleration is still there; how long it tolerates may change."""
    kept = {_purpose(toleration) for toleration in new}
    return all(_purpose(toleration) in kept for toleration in old)


def _purpose(toleration: Toleration) -> tuple[str, str, str, str]:
    """What a toleration is for, without for how long."""
    return toleration.key, toleration.operator, toleration.value, toleration.effect


def _check_disconnect(policy: DisconnectPolicy, path: str, problems: Problems) -> None:
    """A pod that its node stops is replaced after that, and has nothing left that could be kept."""
    stop_s, replace_s = policy.stop_after_seconds, policy.replace_after_seconds
    if stop_s is None:
        return
    if stop_s < STOP_AFTER_S_MIN:
        problems.invalid(
            f"{path}.stopAfterSeconds",
            stop_s,
            f"must be at least {STOP_AFTER_S_MIN}: sooner than that a silent node is not taken for lost",
        )
    if replace_s is not None and replace_s <= stop_s:
        problems.invalid(
            f"{path}.replaceAfterSeconds",
            replace_s,
            "must be greater than `stopAfterSeconds`, or left out to replace the pod as soon as it is known to have "
            "stopped",
        )
    if policy.on_reconnect != "keepReplacement":
        problems.forbidden(
            f"{path}.onReconnect",
            f"may not be '{policy.on_reconnect}' when `stopAfterSeconds` is set: the original has stopped by then",
        )


def _check_toleration(toleration: Toleration, path: str, problems: Problems) -> None:
    if toleration.key:
        problems.name(f"{path}.key", toleration.key, names.label_key_problem(toleration.key))
    elif toleration.operator != "Exists":
        problems.invalid(
            f"{path}.operator",
            toleration.operator,
            "operator must be Exists when `key` is empty, which means 'match all values and all keys'",
        )
    if toleration.operator == "Exists" and toleration.value:
        problems.invalid(f"{path}.operator", toleration.value, "value must be empty when `operator` is 'Exists'")
    elif toleration.operator == "Equal":
        problems.name(f"{path}.value", toleration.value, names.label_value_problem(toleration.value))
    if toleration.toleration_seconds is not None and toleration.effect != "NoExecute":
        problems.invalid(
            f"{path}.effect", toleration.effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"
        )

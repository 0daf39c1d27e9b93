"""What a StatefulSet must be. Source: Kubernetes `pkg/apis/apps/validation/validation.go` (ValidateStatefulSet)."""

from __future__ import annotations

from control_plane.api.validation.pod import check_template
from control_plane.api.validation.problems import Problems
from control_plane.api.validation.selector import check_selects_template
from control_plane.api.validation.shares import check_not_above_all, check_share
from proto import names
from proto.objects.meta import INT32_MAX, evolve
from proto.objects.stateful_set import StatefulSet, StatefulSetUpdateStrategy

_MAY_CHANGE = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
_POD_NAME_LENGTH_MAX = 63
"""A pod's name is also the value of a label on it."""


def check(stateful_set: StatefulSet, problems: Problems) -> None:
    """A StatefulSet."""
    spec = stateful_set.spec
    check_selects_template(spec.selector, spec.template, "spec.selector", "a statefulset", problems)
    check_template(spec.template, "spec.template", problems)
    _check_strategy(spec.update_strategy, "spec.updateStrategy", problems)
    if spec.service_name:
        problems.name("spec.serviceName", spec.service_name, names.label_problem(spec.service_name))
    _check_pod_names(stateful_set, problems)


def check_update(old: StatefulSet, new: StatefulSet, problems: Problems) -> None:
    """What says which pods are whose, and in which order, is for life."""
    allowed = evolve(
        old.spec,
        replicas=new.spec.replicas,
        ordinals=new.spec.ordinals,
        template=new.spec.template,
        update_strategy=new.spec.update_strategy,
        revision_history_limit=new.spec.revision_history_limit,
        min_ready_seconds=new.spec.min_ready_seconds,
    )
    if allowed != new.spec:
        problems.forbidden("spec", _MAY_CHANGE)


def _check_strategy(strategy: StatefulSetUpdateStrategy, path: str, problems: Problems) -> None:
    rolling = strategy.rolling_update
    if rolling is None:
        return
    if strategy.type != "RollingUpdate":
        problems.invalid(f"{path}.rollingUpdate", rolling, "only allowed for updateStrategy 'RollingUpdate'")
        return
    if rolling.max_unavailable is None:
        return
    where = f"{path}.rollingUpdate.maxUnavailable"
    if check_share(rolling.max_unavailable, where, problems) == 0:
        problems.invalid(where, rolling.max_unavailable, "cannot be 0")
    check_not_above_all(rolling.max_unavailable, where, problems)


def _check_pod_names(stateful_set: StatefulSet, problems: Problems) -> None:
    """All pods' names must be names, and numbers of 32 bits at that."""
    spec, name = stateful_set.spec, stateful_set.metadata.name
    start = 0 if spec.ordinals is None else spec.ordinals.start
    last = start + max(spec.replicas, 1) - 1
    if last > INT32_MAX:
        problems.invalid("spec.ordinals.start", start, f"the last ordinal would be {last}, more than {INT32_MAX}")
    longest = f"{name}-{last}"
    if len(longest) > _POD_NAME_LENGTH_MAX:
        room = _POD_NAME_LENGTH_MAX - (len(longest) - len(name))
        problems.invalid(
            "metadata.name", name, f"must be no more than {room} characters: with the ordinal it is the name of a pod"
        )

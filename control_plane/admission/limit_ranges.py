"""LimitRanges: the defaults they give to containers, and the limits they hold pods and containers to. PURE.

*Reads*: the LimitRanges of the pod's namespace. Source: Kubernetes `plugin/pkg/admission/limitranger`, and the
defaults of `pkg/apis/core/v1/defaults.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from control_plane.admission.amounts import amount, written
from control_plane.admission.refusing import forbidden
from proto.errors import Cause, Invalid
from proto.objects.container import Container
from proto.objects.meta import evolve
from proto.objects.pod import Pod
from proto.objects.quota import LimitRange, LimitRangeItem
from proto.pod_amounts import every_container, most_at_once
from proto.quantity import parse_quantity

CONTAINER, POD = "Container", "Pod"

ANNOTATION = "kubernetes.io/limit-ranger"
"""On a pod: which amounts were set by a LimitRange."""

Quantities = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a container or a pod asks for."""

    requests: Quantities
    limits: Quantities


def with_item_defaults(item: LimitRangeItem) -> LimitRangeItem:
    """What an item for containers leaves unsaid: limits are `max`; requests are the limits, or else `min`."""
    if item.type != CONTAINER:
        return item
    default = {**item.max, **item.default}
    return evolve(item, default=default, default_request={**item.min, **default, **item.default_request})


def with_limit_defaults(pod: Pod, ranges: Iterable[LimitRange]) -> Pod:
    """The pod with requests and limits for containers that give none, and a note of what was set."""
    items = tuple(_items(ranges, CONTAINER))
    main, notes = _all_filled(pod.spec.containers, items)
    init, init_notes = _all_filled(pod.spec.init_containers, items)
    if not notes and not init_notes:
        return pod
    annotation = f"LimitRanger plugin set: {'; '.join([*notes, *init_notes])}"
    annotations = {**pod.metadata.annotations, ANNOTATION: annotation}
    changes = {"spec.containers": main, "spec.init_containers": init, "metadata.annotations": annotations}
    return evolve(pod, **changes)


def check_limits(pod: Pod, ranges: Iterable[LimitRange]) -> None:
    """Hold the pod and each of its containers to the limits.

    Raises:
        Forbidden: with every limit that is broken.
        Invalid: a default has put a limit below what is requested.
    """
    _check_requests(pod)
    problems: list[str] = []
    for limits in ranges:
        for item in limits.spec.limits:
            for asked in _asked(pod, item.type):
                problems += _problems(item, asked)
    if problems:
        raise forbidden(pod, problems[0] if len(problems) == 1 else f"[{', '.join(dict.fromkeys(problems))}]")


def _check_requests(pod: Pod) -> None:
    """No request above its limit: the one may be the pod's own, the other a default.

    Raises:
        Invalid
    """
    named = [(f"spec.containers[{index}]", each) for index, each in enumerate(pod.spec.containers)]
    named += [(f"spec.initContainers[{index}]", each) for index, each in enumerate(pod.spec.init_containers)]
    for path, container in named:
        requests, limits = container.resources.requests, container.resources.limits
        for name, wanted in requests.items():
            limit = limits.get(name)
            if limit is None or amount(name, wanted) <= amount(name, limit):
                continue
            cause = Cause(
                f"{path}.resources.requests",
                f'Invalid value: "{wanted}": must be less than or equal to {name} limit of {limit}',
                "FieldValueInvalid",
            )
            raise Invalid(f'Pod "{pod.metadata.name}" is invalid: {cause}', causes=(cause,))


def _items(ranges: Iterable[LimitRange], kind: str) -> Iterator[LimitRangeItem]:
    return (item for limits in ranges for item in limits.spec.limits if item.type == kind)


def _all_filled(
    containers: tuple[Container, ...], items: tuple[LimitRangeItem, ...]
) -> tuple[tuple[Container, ...], list[str]]:
    """The containers with what they leave unsaid, and in words what that was."""
    notes: list[str] = []
    for item in items:
        filled = []
        for container in containers:
            container, note = _filled(container, item)
            filled.append(container)
            notes += note
        containers = tuple(filled)
    return containers, notes


def _filled(container: Container, item: LimitRangeItem) -> tuple[Container, list[str]]:
    """The container with what it leaves unsaid, and in words what that was."""
    resources = container.resources
    requests = {name: each for name, each in item.default_request.items() if name not in resources.requests}
    limits = {name: each for name, each in item.default.items() if name not in resources.limits}
    notes = [
        f"{', '.join(sorted(added))} {word} for container {container.name}"
        for word, added in (("request", requests), ("limit", limits))
        if added
    ]
    if not notes:
        return container, notes
    changes: dict[str, object] = {
        "resources.requests": {**resources.requests, **requests},
        "resources.limits": {**resources.limits, **limits},
    }
    return evolve(container, **changes), notes


def _asked(pod: Pod, kind: str) -> list[_Asked]:
    """What things of that type the pod consists of, and what they ask for."""
    if kind == CONTAINER:
        return [_Asked(each.resources.requests, each.resources.limits) for each in every_container(pod.spec)]
    if kind == POD:
        requests = most_at_once(pod.spec, lambda each: _counted(each.resources.requests))
        limits = most_at_once(pod.spec, lambda each: _counted(each.resources.limits))
        return [_Asked(_written(requests), _written(limits))]
    return []


def _counted(quantities: Quantities) -> dict[str, int]:
    return {name: amount(name, quantity) for name, quantity in quantities.items()}


def _written(counts: Mapping[str, int]) -> Quantities:
    return {name: written(name, count) for name, count in counts.items()}


def _problems(item: LimitRangeItem, asked: _Asked) -> list[str]:
    """Everything in which a thing breaks an item, in Kubernetes' words."""
    found = [_below(item.type, name, least, asked) for name, least in item.min.items()]
    found += [_above(item.type, name, most, asked) for name, most in item.max.items()]
    found += [_stretched(item.type, name, most, asked) for name, most in item.max_limit_request_ratio.items()]
    return [problem for problem in found if problem]


def _below(kind: str, name: str, least: str, asked: _Asked) -> str:
    words = f"minimum {name} usage per {kind} is {least}"
    request, limit = asked.requests.get(name), asked.limits.get(name)
    if request is None:
        return f"{words}.  No request is specified"
    if amount(name, request) < amount(name, least):
        return f"{words}, but request is {request}"
    if limit is not None and amount(name, limit) < amount(name, least):
        return f"{words}, but limit is {limit}"
    return ""


def _above(kind: str, name: str, most: str, asked: _Asked) -> str:
    words = f"maximum {name} usage per {kind} is {most}"
    request, limit = asked.requests.get(name), asked.limits.get(name)
    if limit is None:
        return f"{words}.  No limit is specified"
    if amount(name, limit) > amount(name, most):
        return f"{words}, but limit is {limit}"
    if request is not None and amount(name, request) > amount(name, most):
        return f"{words}, but request is {request}"
    return ""


def _stretched(kind: str, name: str, most: str, asked: _Asked) -> str:
    words = f"{name} max limit to request ratio per {kind} is {most}"
    request, limit = (amount(name, each.get(name, "0")) for each in (asked.requests, asked.limits))
    if not request:
        return f"{words}, but no request is specified or request is 0"
    if not limit:
        return f"{words}, but no limit is specified or limit is 0"
    if limit > parse_quantity(most) * request:
        return f"{words}, but provided ratio is {limit / request:f}"
    return ""

"""Quotas: what is counted and by which, what is granted, and that a count never forgets what is on its way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from control_plane.admission.quota_ledger import EXPECTED_WITHIN, charged, recounted, released
from control_plane.controllers.resource_quota import PAUSE, ResourceQuotaController
from control_plane.plan import Key, Plan, SetStatus
from control_plane.store.mirror import Mirror
from control_plane.store.port import Change
from proto.errors import Forbidden
from proto.objects.container import Container, ResourceRequirements
from proto.objects.core import ConfigMap
from proto.objects.meta import Object, ObjectMeta, evolve
from proto.objects.pod import Pod, PodSpec
from proto.objects.pod_status import PodStatus
from proto.objects.quota import ResourceQuota, ResourceQuotaSpec, ScopedResourceSelectorRequirement, ScopeSelector
from tests.controllers.builders import NOW


def pod(name: str, requests: dict[str, str] | None = None, limits: dict[str, str] | None = None, **how: Any) -> Pod:
    resources = ResourceRequirements(requests=requests or {}, limits=limits or {})
    metadata = ObjectMeta(name=name, namespace="default", uid=f"uid-{name}", **how.pop("metadata", {}))
    status = PodStatus(phase=how.pop("phase", "Pending"))
    return Pod(metadata=metadata, spec=PodSpec(containers=(Container(name="c", resources=resources),), **how),
               status=status)  # fmt: skip


def config(name: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default", uid=f"uid-{name}"))


def quota(hard: dict[str, str], **spec: Any) -> ResourceQuota:
    metadata = ObjectMeta(name="q", namespace="default", uid="uid-q")
    return ResourceQuota(metadata=metadata, spec=ResourceQuotaSpec(hard=hard, **spec))


def selecting(operator: Any, *values: str) -> ScopeSelector:
    rule = ScopedResourceSelectorRequirement(scope_name="PriorityClass", operator=operator, values=values)
    return ScopeSelector(match_expressions=(rule,))


BIG = pod("big", {"cpu": "1500m", "memory": "1Gi"}, {"cpu": "2"}, priority_class_name="high")
SMALL = pod("small", {"cpu": "500m", "example.com/gpu": "1"})
BARE = pod("bare")
ENDED = pod("ended", {"cpu": "8"}, phase="Succeeded")
OVERDUE = pod("overdue", {"cpu": "8"}, metadata={"deletion_timestamp": NOW - timedelta(seconds=1),
                                                 "deletion_grace_period_seconds": 30})  # fmt: skip
LEAVING = pod("leaving", {"cpu": "1"}, metadata={"deletion_timestamp": NOW + timedelta(seconds=9),
                                                 "deletion_grace_period_seconds": 30})  # fmt: skip
ALL = (BIG, SMALL, BARE, ENDED, OVERDUE, LEAVING, config("a"), config("b"))

COUNTS = [
    ("pods", quota({"pods": "9", "count/pods": "9"}), {"pods": "4", "count/pods": "6"}),
    ("cpu", quota({"cpu": "9", "requests.cpu": "9", "limits.cpu": "9"}),
     {"cpu": "3", "requests.cpu": "3", "limits.cpu": "2"}),
    ("memory", quota({"requests.memory": "9Gi"}), {"requests.memory": "1Gi"}),
    ("extended", quota({"requests.example.com/gpu": "4"}), {"requests.example.com/gpu": "1"}),
    ("objects", quota({"configmaps": "9", "count/configmaps": "9", "count/jobs.batch": "1"}),
     {"configmaps": "2", "count/configmaps": "2", "count/jobs.batch": "0"}),
    ("unknown-kind", quota({"services": "3"}), {"services": "0"}),
    ("best-effort", quota({"pods": "9"}, scopes=("BestEffort",)), {"pods": "1"}),
    ("not-best-effort", quota({"pods": "9"}, scopes=("NotBestEffort",)), {"pods": "3"}),
    ("terminating", quota({"pods": "9"}, scopes=("Terminating",)), {"pods": "0"}),
    ("not-terminating", quota({"pods": "9"}, scopes=("NotTerminating",)), {"pods": "4"}),
    ("of-a-class", quota({"pods": "9"}, scope_selector=selecting("In", "high")), {"pods": "1"}),
    ("of-another-class", quota({"pods": "9"}, scope_selector=selecting("NotIn", "high")), {"pods": "3"}),
    ("of-any-class", quota({"pods": "9"}, scope_selector=selecting("Exists")), {"pods": "1"}),
    ("of-no-class", quota({"pods": "9"}, scope_selector=selecting("DoesNotExist")), {"pods": "3"}),
]  # fmt: skip


@pytest.mark.parametrize(("of", "used"), [row[1:] for row in COUNTS], ids=[row[0] for row in COUNTS])
def test_what_is_counted(of: ResourceQuota, used: dict[str, str]) -> None:
    status = recounted(of, Mirror.of(*ALL), NOW).status
    assert (status.used, status.hard, status.counted_at) == (used, of.spec.hard, NOW)


def test_a_count_without_news_is_the_same_object() -> None:
    counted = recounted(quota({"pods": "9"}), Mirror.of(*ALL), NOW)
    assert recounted(counted, Mirror.of(*ALL), NOW + timedelta(seconds=1)) is counted


def test_a_grant_stands_until_its_object_is_seen() -> None:
    empty = Mirror.of()
    granted = charged(quota({"pods": "1"}), BARE, empty, NOW)
    assert granted.status.used == {"pods": "1"}
    assert charged(granted, BARE, empty, NOW) is granted
    with pytest.raises(Forbidden, match="exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"):
        charged(granted, SMALL, empty, NOW)
    later = NOW + timedelta(seconds=30)
    assert recounted(granted, empty, later).status.used == {"pods": "1"}, "it may still come"
    seen = recounted(granted, Mirror.of(BARE), later).status
    assert (seen.used, seen.reserved) == ({"pods": "1"}, {})
    assert recounted(granted, empty, NOW + EXPECTED_WITHIN).status.used == {"pods": "0"}, "it never came"
    assert released(granted, BARE).status.used == {"pods": "0"}


def test_an_object_that_came_and_went_is_not_waited_for() -> None:
    granted = charged(quota({"pods": "1"}), BARE, Mirror.of(), NOW)
    mirror = Mirror.of(BARE)
    mirror.apply(Change("delete", 99, BARE))
    assert charged(granted, SMALL, mirror, NOW).status.used == {"pods": "1"}


def test_a_new_limit_is_counted_before_it_is_granted_from() -> None:
    granted = charged(quota({"pods": "9"}), BARE, Mirror.of(*ALL), NOW)
    assert granted.status.used == {"pods": "5"}
    more = evolve(granted, **{"spec.hard": {"pods": "9", "configmaps": "2"}})
    with pytest.raises(Forbidden, match="requested: configmaps=1, used: configmaps=2, limited: configmaps=2"):
        charged(more, config("c"), Mirror.of(*ALL), NOW)


@pytest.mark.parametrize("obj", [BARE, config("c")], ids=["pod", "config"])
def test_what_is_not_counted_is_not_charged(obj: Object) -> None:
    of = quota({"pods": "0"}, scope_selector=selecting("In", "high")) if isinstance(obj, Pod) else quota({"pods": "0"})
    assert charged(of, obj, Mirror.of(), NOW) is of


def plan(of: ResourceQuota, *objects: Object, after: timedelta = timedelta()) -> Plan:
    mirror, controller = Mirror.of(of, *objects), ResourceQuotaController()
    view = controller.observe(mirror, Key("default", "q"), NOW + after)
    assert view is not None
    return controller.reconcile(view)


def test_the_controller_counts_and_looks_again_while_something_is_on_its_way() -> None:
    first = plan(quota({"pods": "9"}), *ALL)
    (written,) = first.actions
    assert isinstance(written, SetStatus) and written.reason == "usage_counted"
    assert first.requeue_after_s is None
    counted = recounted(quota({"pods": "9"}), Mirror.of(*ALL), NOW)
    assert plan(counted, *ALL, after=PAUSE) == Plan()
    waiting = plan(charged(counted, pod("new"), Mirror.of(*ALL), NOW), *ALL, after=PAUSE)
    assert (waiting.actions, waiting.requeue_after_s) == ((), 1.0)


def test_a_count_stands_for_a_moment() -> None:
    counted = recounted(quota({"pods": "9"}), Mirror.of(*ALL), NOW)
    soon = plan(counted, BIG, after=PAUSE / 4)
    assert (soon.actions, soon.requeue_after_s) == ((), 0.75)
    assert plan(counted, BIG, after=PAUSE).actions

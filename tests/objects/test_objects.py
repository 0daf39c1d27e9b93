"""Objects on the wire: Kubernetes' spelling, defaults, what is left out, and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from proto import catalog, codec, errors
from proto.node import StatusReport
from proto.objects.apps import Deployment
from proto.objects.container import Container
from proto.objects.core import Node, NodeStatus, NodeSystemInfo
from proto.objects.meta import Condition, Model, ObjectMeta, camel, evolve, find_condition, with_condition
from proto.objects.pod import Pod, PodSpec
from proto.objects.pod_status import ContainerStatus, HostAddress, PodStatus
from proto.shapes import shape_of


@pytest.mark.parametrize(
    ("name", "wire"),
    [("pod_ip", "podIP"), ("pod_ips", "podIPs"), ("host_ip", "hostIP"), ("cluster_ip", "clusterIP"),
     ("provider_id", "providerID"), ("machine_id", "machineID"), ("system_uuid", "systemUUID"), ("boot_id", "bootID"),
     ("container_id", "containerID"), ("image_id", "imageID"), ("pod_cidr", "podCIDR"), ("api_version", "apiVersion"),
     ("termination_grace_period_seconds", "terminationGracePeriodSeconds"), ("uid", "uid")],
)  # fmt: skip
def test_wire_names(name: str, wire: str) -> None:
    assert camel(name) == wire


def test_irregular_names_in_whole_objects() -> None:
    status = PodStatus(
        pod_ip="1.2.3.4",
        pod_ips=(HostAddress(ip="1.2.3.4"),),
        container_statuses=(ContainerStatus(name="c", container_id="x", image_id="y"),),
    )
    raw = codec.to_dict(Pod(status=status))["status"]
    assert raw["podIP"] == "1.2.3.4" and raw["podIPs"] == ({"ip": "1.2.3.4"},)
    assert raw["containerStatuses"][0]["containerID"] == "x" and raw["containerStatuses"][0]["imageID"] == "y"
    node = Node(status=NodeStatus(node_info=NodeSystemInfo(machine_id="m", system_uuid="s", boot_id="b")))
    assert codec.to_dict(node)["status"]["nodeInfo"] == {"machineID": "m", "systemUUID": "s", "bootID": "b"}


def test_defaults_are_kubernetes_own() -> None:
    deployment = codec.to_dict(Deployment())["spec"]
    assert (deployment["replicas"], deployment["revisionHistoryLimit"], deployment["progressDeadlineSeconds"]) == (
        1,
        10,
        600,
    )
    pod = codec.to_dict(Pod(spec=PodSpec(containers=(Container(name="c"),))))["spec"]
    assert (pod["restartPolicy"], pod["terminationGracePeriodSeconds"]) == ("Always", 30)


def test_what_is_empty_is_left_out() -> None:
    raw = codec.to_dict(Pod(metadata=ObjectMeta(name="p")))
    assert raw["metadata"] == {"name": "p"}
    assert "containers" not in raw["spec"]


def test_an_object_survives_the_wire() -> None:
    pod = Pod(
        metadata=ObjectMeta(name="p", creation_timestamp=datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)),
        spec=PodSpec(containers=(Container(name="c", command=("a", "b")),)),
    )
    assert codec.from_dict(json.loads(codec.to_json(pod))) == pod
    assert codec.unpack(codec.pack(pod), Pod) == pod
    assert codec.to_dict(pod)["metadata"]["creationTimestamp"] == "2026-01-02T03:04:05.678Z"


def test_a_time_without_its_zone_is_no_time() -> None:
    with pytest.raises(ValidationError):
        ObjectMeta.model_validate({"creationTimestamp": "2026-01-02T03:04:05"})


def test_the_store_gives_the_revision() -> None:
    pod = Pod(metadata=ObjectMeta(name="p", resource_version="7"))
    data = codec.pack_stored(pod)
    assert b"resourceVersion" not in data
    assert codec.unpack_stored(data, 9).metadata.revision == 9


def test_a_long_list_is_read_apart_from_its_message() -> None:
    pod = {"namespace": "default", "name": "p", "uid": "u"}
    report, pods = codec.unpack_apart(codec.pack_raw({"incarnation": "i", "pods": [pod]}), StatusReport, "pods")
    assert (report, pods) == (StatusReport(incarnation="i"), [pod])


@pytest.mark.parametrize("raw", [[1], {"incarnation": "i", "pods": 1}, {"pods": []}])
def test_what_has_no_such_list_is_refused(raw: object) -> None:
    with pytest.raises(ValueError, match="StatusReport"):
        codec.unpack_apart(codec.pack_raw(raw), StatusReport, "pods")


def test_what_a_newer_version_wrote_is_read_leniently() -> None:
    raw = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"fromTheFuture": 1}}
    assert codec.from_dict(raw).metadata.name == "p"


def test_objects_do_not_change() -> None:
    pod = Pod(metadata=ObjectMeta(name="p"))
    with pytest.raises(ValidationError):
        pod.metadata.name = "q"  # type: ignore[misc]
    changed = evolve(pod, **{"metadata.labels": {"a": "b"}, "status.phase": "Running"})
    assert (changed.metadata.labels, changed.status.phase) == ({"a": "b"}, "Running")
    assert pod.status.phase == "Pending"
    assert changed.spec is pod.spec


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    then, now = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    old = (Condition(type="Ready", status="True", last_transition_time=then), Condition(type="X", status="True"))
    same = with_condition(old, Condition(type="Ready", status="True", reason="r", last_transition_time=now))
    ready = find_condition(same, "Ready")
    assert ready is not None and (ready.reason, ready.last_transition_time) == ("r", then)
    other = find_condition(
        with_condition(old, Condition(type="Ready", status="False", last_transition_time=now)), "Ready"
    )
    assert other is not None and other.last_transition_time == now


@pytest.mark.parametrize("kind", catalog.KINDS, ids=lambda kind: kind.kind)
def test_every_kind_is_found_by_all_its_names(kind: catalog.Kind) -> None:
    for word in (
        kind.resource,
        kind.singular,
        kind.kind,
        kind.kind.upper(),
        *kind.short_names,
        f"{kind.resource}.{kind.group}",
    ):
        assert catalog.by_alias(word) is kind
    assert catalog.by_gvk(kind.api_version, kind.kind) is kind
    assert catalog.by_route(kind.group_token, kind.resource) is kind
    assert (kind.api_version, kind.kind) == (kind.model.API_VERSION, kind.model.KIND)


@pytest.mark.parametrize("kind", catalog.KINDS, ids=lambda kind: kind.kind)
def test_no_field_is_both_here_and_not_implemented(kind: catalog.Kind) -> None:
    def check(model: type[Model]) -> None:
        shape = shape_of(model)
        assert not shape.unimplemented & set(shape.fields)

    check(kind.model)


def test_an_error_survives_its_status() -> None:
    cause = errors.Cause("spec.replicas", "must be a whole number ≥ 0, found -1")
    error = errors.Invalid("no", causes=[cause], details={"name": "x"})
    read = errors.from_status(error.to_status())
    assert type(read) is errors.Invalid
    assert (read.message, read.causes, read.details) == ("no", (cause,), {"name": "x"})
    assert str(cause) == "spec.replicas: must be a whole number ≥ 0, found -1"
    assert str(errors.Cause("a.b", 'unknown field "a.b"')) == 'unknown field "a.b"'

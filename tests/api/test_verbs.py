"""The verbs, one after the other, as raw requests."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgpack
import pytest

from tests.api.cluster import Cluster, deployment, pod


async def test_create_fills_in_what_is_the_clusters_to_say(api: Cluster) -> None:
    made = await api.ok("create.core.pods.default", {**pod(), "status": {"phase": "Running"}})
    identity = made["metadata"]
    assert identity["namespace"] == "default" and identity["uid"] and identity["creationTimestamp"]
    assert identity["resourceVersion"] == str(api.revision)
    assert identity["generation"] == 1
    assert made["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    assert await api.ok("get.core.pods.default.p") == made


async def test_apiversion_and_kind_may_be_left_out(api: Cluster) -> None:
    made = await api.ok("create.core.configmaps.default", {"metadata": {"name": "c"}, "data": {"a": "1"}})
    assert (made["apiVersion"], made["kind"]) == ("v1", "ConfigMap")


async def test_the_name_may_stand_in_the_subject_alone(api: Cluster) -> None:
    await api.ok("create.core.configmaps.default.by.subject", {"data": {"a": "1"}})
    assert (await api.ok("get.core.configmaps.default.by.subject"))["metadata"]["name"] == "by.subject"


async def test_the_namespace_may_stand_in_the_object_alone(api: Cluster) -> None:
    body = {"metadata": {"name": "c", "namespace": "kube-system"}}
    assert (await api.ok("create.core.configmaps._", body))["metadata"]["namespace"] == "kube-system"


@pytest.mark.parametrize("subject", ["get.core.nodes._.10.240.79.157", "get.core.nodes.10.240.79.157"])
async def test_cluster_scoped_names_may_hold_dots_and_leave_out_the_namespace(api: Cluster, subject: str) -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "10.240.79.157", "labels": {"name": "first"}}}
    await api.ok("create.core.nodes", node)
    assert (await api.ok(subject))["metadata"]["labels"] == {"name": "first"}


async def test_generated_names_differ(api: Cluster) -> None:
    body = pod()
    body["metadata"] = {"generateName": "web-"}
    names = {(await api.ok("create.core.pods.default", body))["metadata"]["name"] for _ in range(5)}
    assert len(names) == 5
    assert all(name.startswith("web-") and len(name) == 9 for name in names)


async def test_a_warning_for_what_is_not_implemented(api: Cluster) -> None:
    body = json.dumps(pod(dnsConfig={}, subdomain="web")).encode()
    answer = await api.send("sp.api.create.core.pods.default", body)
    assert answer.headers["Sp-Warning"].split("\n") == [
        "spec.dnsConfig: known to Kubernetes, not implemented here, ignored",
        "spec.subdomain: known to Kubernetes, not implemented here, ignored",
    ]
    assert "dnsConfig" not in json.loads(answer.data)["spec"]


async def test_many_warnings_are_counted(api: Cluster) -> None:
    lacking = ("imagePullPolicy", "volumeDevices")
    containers = [{"name": f"c{n}", **{name: {} for name in lacking}} for n in range(14)]
    answer = await api.send("sp.api.create.core.pods.default", json.dumps(pod(containers=containers)).encode())
    warnings = answer.headers["Sp-Warning"].split("\n")
    assert len(warnings) == 21
    assert warnings[-1] == "and 8 more warnings of this kind"


async def test_json_may_begin_with_a_byte_order_mark(api: Cluster) -> None:
    made = await api.ok("create.core.configmaps.default", b'\xef\xbb\xbf{"metadata": {"name": "c"}}')
    assert made["metadata"]["name"] == "c"


async def test_a_warning_for_a_port_that_is_not_mapped(api: Cluster) -> None:
    ports = [{"containerPort": 80, "hostPort": 8080}, {"containerPort": 81, "hostPort": 81}]
    body = json.dumps(pod(containers=[{"name": "c", "ports": ports}])).encode()
    answer = await api.send("sp.api.create.core.pods.default", body)
    assert answer.headers["Sp-Warning"] == (
        "spec.containers[0].ports[0].hostPort: 8080 is not mapped to containerPort 80: the program listens on the "
        "machine's own ports"
    )


async def test_a_warning_for_a_stdin_that_was_never_open(api: Cluster) -> None:
    containers = [{"name": "c", "stdinOnce": True}, {"name": "d", "stdin": True, "stdinOnce": True}]
    answer = await api.send("sp.api.create.core.pods.default", json.dumps(pod(containers=containers)).encode())
    assert answer.headers["Sp-Warning"] == "spec.containers[0].stdinOnce: has no effect without `stdin: true`"


async def test_a_warning_for_a_choice_that_a_pod_alone_does_not_have(api: Cluster) -> None:
    body = json.dumps(pod(disconnect={"onReconnect": "keepOriginal"})).encode()
    answer = await api.send("sp.api.create.core.pods.default", body)
    assert answer.headers["Sp-Warning"] == (
        "spec.disconnect.onReconnect: keepOriginal has no effect for a pod that no ReplicaSet replaces; "
        "`replaceAfterSeconds` keeps it while its node is cut off"
    )


@pytest.mark.parametrize(
    ("container", "warning"),
    [
        ({"env": [{"name": "A", "value": "1"}, {"name": "B"}, {"name": "A", "value": "2"}]},
         'env[2]: hides previous definition of "A"'),
        ({"readinessProbe": {"tcpSocket": {"port": "web"}}},
         'readinessProbe.tcpSocket.port: can never succeed, the container has no port "web" (it has none with a name)'),
        ({"lifecycle": {"preStop": {"httpGet": {"port": "web"}}}, "ports": [{"name": "admin", "containerPort": 0}]},
         'lifecycle.preStop.httpGet.port: can never succeed, the container has no port "web" (it has admin)'),
        ({"terminationMessagePath": "logs/../x"}, "terminationMessagePath: is not absolute, the file is at /x"),
        ({"terminationMessagePolicy": "File"},
         "terminationMessagePolicy: File has no effect without `terminationMessagePath`: nothing is mounted at "
         "/dev/termination-log unless that is said"),
    ],
    ids=["variable", "probe", "hook", "message elsewhere", "message nowhere"],
)  # fmt: skip
async def test_a_warning_for_what_a_container_says_in_vain(
    api: Cluster, container: dict[str, Any], warning: str
) -> None:
    body = json.dumps(pod(containers=[{"name": "c", **container}])).encode()
    answer = await api.send("sp.api.create.core.pods.default", body)
    assert answer.headers["Sp-Warning"] == f"spec.containers[0].{warning}"


async def test_a_warning_for_parts_of_bytes(api: Cluster) -> None:
    """Whoever writes `100m` of memory most likely meant `100M` (Kubernetes: the same words)."""
    containers = [{"name": "c", "resources": {"limits": {"memory": "100m", "cpu": "100m"}, "requests": {"memory": 0}}}]
    answer = await api.send("sp.api.create.core.pods.default", json.dumps(pod(containers=containers)).encode())
    assert answer.headers["Sp-Warning"] == (
        'spec.containers[0].resources.limits[memory]: fractional byte value "100m" is invalid, must be an integer'
    )


async def test_stdin_and_tty_are_true_or_false(api: Cluster) -> None:
    body = json.dumps(pod(containers=[{"name": "c", "stdin": "yes", "tty": 1}])).encode()
    status = json.loads((await api.send("sp.api.create.core.pods.default", body)).data)
    told = {cause["field"]: cause["message"] for cause in status["details"]["causes"]}
    assert set(told) == {"spec.containers[0].stdin", "spec.containers[0].tty"}
    assert all("must be true or false" in message for message in told.values())


async def test_msgpack_in_and_out(api: Cluster) -> None:
    answer = await api.send(
        "sp.api.create.core.pods.default",
        msgpack.packb(pod()),
        Content_Type="application/msgpack",
        Accept="application/msgpack",
    )
    assert msgpack.unpackb(answer.data)["metadata"]["name"] == "p"
    listed = await api.send("sp.api.list.core.pods.default", Accept="application/msgpack")
    assert [item["metadata"]["name"] for item in msgpack.unpackb(listed.data)["items"]] == ["p"]
    patched = await api.send(
        "sp.api.patch.core.pods.default.p",
        msgpack.packb({"metadata": {"labels": {"a": "b"}}}),
        Content_Type="application/merge-patch+msgpack",
    )
    assert json.loads(patched.data)["metadata"]["labels"] == {"app": "web", "a": "b"}


async def test_tables_of_a_list_and_of_one(api: Cluster) -> None:
    await api.ok("create.core.pods.default", pod())
    table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    for subject in ("list.core.pods.default", "get.core.pods.default.p"):
        answer = await api.ok(subject, Accept=table)
        assert answer["kind"] == "Table"
        assert [row["cells"][:3] for row in answer["rows"]] == [["p", "0/1", "Pending"]]


# update


async def test_update_replaces_and_counts_generations(api: Cluster) -> None:
    made = await api.ok("create.apps.deployments.default", deployment())
    made["spec"]["replicas"] = 3
    updated = await api.ok("update.apps.deployments.default.web", made)
    assert updated["metadata"]["generation"] == 2
    updated["metadata"]["labels"] = {"a": "b"}
    assert (await api.ok("update.apps.deployments.default.web", updated))["metadata"]["generation"] == 2


async def test_an_update_from_an_older_state_is_a_conflict_and_changes_nothing(api: Cluster) -> None:
    made = await api.ok("create.apps.deployments.default", deployment())
    await api.ok("update.apps.deployments.default.web", deployment(replicas=5))
    before = api.revision
    assert await api.refused("update.apps.deployments.default.web", made) == (
        409,
        "Conflict",
        'Operation cannot be fulfilled on deployments.apps "web": the object has been modified; please apply your '
        "changes to the latest version and try again",
    )
    assert api.revision == before


async def test_an_update_without_a_revision_is_unconditional(api: Cluster) -> None:
    await api.ok("create.apps.deployments.default", deployment())
    answers = await asyncio.gather(
        *(api.ok("update.apps.deployments.default.web", deployment(replicas=n)) for n in range(2, 8))
    )
    assert {answer["spec"]["replicas"] for answer in answers} == set(range(2, 8))


async def test_an_update_that_changes_nothing_writes_nothing(api: Cluster) -> None:
    made = await api.ok("create.apps.deployments.default", deployment())
    before = api.revision
    assert await api.ok("update.apps.deployments.default.web", made) == made
    assert api.revision == before


async def test_an_update_cannot_touch_identity_or_status(api: Cluster) -> None:
    made = await api.ok("create.apps.deployments.default", deployment())
    changed = json.loads(json.dumps(made))
    changed["metadata"] |= {"creationTimestamp": "2001-01-01T00:00:00Z", "generation": 77}
    changed["status"] = {"replicas": 9}
    assert await api.ok("update.apps.deployments.default.web", changed) == made


async def test_only_one_of_many_conditional_updates_wins(two: Cluster) -> None:
    made = await two.ok("create.core.configmaps.default", {"metadata": {"name": "c"}})
    bodies = [{**made, "data": {"winner": str(n)}} for n in range(10)]
    answers = await asyncio.gather(*(two.call("update.core.configmaps.default.c", body) for body in bodies))
    assert sorted(answer.get("code", 200) for answer in answers) == [200] + [409] * 9


async def test_no_increment_is_lost_between_replicas(two: Cluster) -> None:
    """Ten writers on two replicas, each adding a key by a patch: every key is there."""
    await two.ok("create.core.configmaps.default", {"metadata": {"name": "c"}})
    await asyncio.gather(*(two.ok("patch.core.configmaps.default.c", {"data": {f"k{n}": "x"}}) for n in range(10)))
    found = await two.ok("get.core.configmaps.default.c", {"resourceVersion": str(two.revision)})
    assert set(found["data"]) == {f"k{n}" for n in range(10)}


# patch


async def test_a_merge_patch_merges_and_removes(api: Cluster) -> None:
    await api.ok("create.apps.deployments.default", deployment())
    patch = {"metadata": {"labels": {"a": "1", "b": "2"}}, "spec": {"replicas": 4}}
    assert (await api.ok("patch.apps.deployments.default.web", patch))["spec"]["replicas"] == 4
    patched = await api.ok("patch.apps.deployments.default.web", {"metadata": {"labels": {"a": None}}})
    assert patched["metadata"]["labels"] == {"b": "2"}


async def test_a_json_patch_is_all_or_nothing(api: Cluster) -> None:
    await api.ok("create.apps.deployments.default", deployment())
    good = [
        {"op": "test", "path": "/spec/replicas", "value": 2},
        {"op": "replace", "path": "/spec/replicas", "value": 6},
        {"op": "add", "path": "/metadata/labels", "value": {"x": "y"}},
        {"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "d"}},
    ]
    patched = await api.ok("patch.apps.deployments.default.web", good, Content_Type="application/json-patch+json")
    assert patched["spec"]["replicas"] == 6
    assert [c["name"] for c in patched["spec"]["template"]["spec"]["containers"]] == ["c", "d"]
    before = api.revision
    code, reason, message = await api.refused(
        "patch.apps.deployments.default.web", [{"op": "replace", "path": "/spec/replicas", "value": 1}, good[0]]
    )
    assert (code, reason) == (422, "Invalid")
    assert message == (
        "the patch cannot be applied: operation 1 (test /spec/replicas): the value there is not the tested one"
    )
    assert api.revision == before


async def test_a_patch_that_names_an_older_revision_is_a_conflict(api: Cluster) -> None:
    made = await api.ok("create.apps.deployments.default", deployment())
    await api.ok("patch.apps.deployments.default.web", {"spec": {"replicas": 4}})
    named = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "spec": {"replicas": 9}}
    assert (await api.refused("patch.apps.deployments.default.web", named))[1] == "Conflict"


# delete


async def test_delete_answers_with_what_was_done(api: Cluster) -> None:
    made = await api.ok("create.core.configmaps.default", {"metadata": {"name": "c"}})
    gone = await api.ok("delete.core.configmaps.default.c")
    assert (gone["status"], gone["details"]["name"], gone["details"]["uid"]) == (
        "Success",
        "c",
        made["metadata"]["uid"],
    )
    assert await api.refused("get.core.configmaps.default.c") == (404, "NotFound", 'configmaps "c" not found')
    assert await api.refused("delete.core.configmaps.default.c") == (404, "NotFound", 'configmaps "c" not found')


async def test_a_bound_pod_is_marked_with_its_grace(api: Cluster) -> None:
    await api.ok("create.core.pods.default", pod(nodeName="n1", terminationGracePeriodSeconds=7))
    marked = await api.ok("delete.core.pods.default.p")
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 7
    assert marked["metadata"]["deletionTimestamp"]
    again = await api.ok("delete.core.pods.default.p", {"gracePeriodSeconds": 2})
    assert again["metadata"]["deletionGracePeriodSeconds"] == 2
    assert (await api.ok("delete.core.pods.default.p", {"gracePeriodSeconds": 0}))["status"] == "Success"


@pytest.mark.parametrize(
    ("preconditions", "code"), [({"uid": "x"}, 409), ({"resourceVersion": "1"}, 409), ({}, 200)], ids=str
)
async def test_preconditions(api: Cluster, preconditions: dict[str, str], code: int) -> None:
    await api.ok("create.core.configmaps.default", {"metadata": {"name": "c"}})
    before = api.revision
    answer = await api.call("delete.core.configmaps.default.c", {"preconditions": preconditions})
    assert answer["code"] == code
    assert (api.revision == before) is (code == 409)


async def test_preconditions_that_hold(api: Cluster) -> None:
    made = await api.ok("create.core.configmaps.default", {"metadata": {"name": "c"}})
    held = {"uid": made["metadata"]["uid"], "resourceVersion": made["metadata"]["resourceVersion"]}
    await api.ok("delete.core.configmaps.default.c", {"preconditions": held})


@pytest.mark.parametrize(("policy", "finalizers"), [("Foreground", ["foregroundDeletion"]), ("Orphan", ["orphan"])])
async def test_propagation_leaves_its_finalizer(api: Cluster, policy: str, finalizers: list[str]) -> None:
    await api.ok("create.apps.deployments.default", deployment())
    marked = await api.ok("delete.apps.deployments.default.web", {"propagationPolicy": policy})
    assert marked["metadata"]["finalizers"] == finalizers
    # Whoever takes the last finalizer away removes the object.
    await api.ok("patch.apps.deployments.default.web", {"metadata": {"finalizers": None}})
    assert (await api.refused("get.apps.deployments.default.web"))[1] == "NotFound"


async def test_a_finalizer_of_ones_own_holds_the_object(api: Cluster) -> None:
    body = {"metadata": {"name": "c", "finalizers": ["example.com/hold"]}}
    await api.ok("create.core.configmaps.default", body)
    assert (await api.ok("delete.core.configmaps.default.c"))["metadata"]["deletionTimestamp"]
    code, _, message = await api.refused(
        "patch.core.configmaps.default.c", {"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}
    )
    assert code == 422 and "no new finalizers can be added" in message
    await api.ok("patch.core.configmaps.default.c", [{"op": "remove", "path": "/metadata/finalizers"}])
    assert (await api.refused("get.core.configmaps.default.c"))[1] == "NotFound"


async def test_deletecollection_deletes_what_is_chosen(api: Cluster) -> None:
    for name, label in (("a", "x"), ("b", "x"), ("c", "y")):
        await api.ok("create.core.configmaps.default", {"metadata": {"name": name, "labels": {"l": label}}})
    gone = await api.ok("deletecollection.core.configmaps.default", {"labelSelector": "l=x"})
    assert [item["metadata"]["name"] for item in gone["items"]] == ["a", "b"]
    left = await api.ok("list.core.configmaps.default")
    assert [item["metadata"]["name"] for item in left["items"]] == ["c"]


# subresources


async def test_status_is_written_by_its_subresource_only(api: Cluster) -> None:
    made = await api.ok("create.core.pods.default", pod())
    body = {**made, "status": {"phase": "Running", "podIP": "10.0.0.1"}, "spec": {"containers": []}}
    updated = await api.ok("update.core.pods/status.default.p", body)
    assert updated["status"] == {"phase": "Running", "podIP": "10.0.0.1"}
    assert updated["spec"] == made["spec"]
    patched = await api.ok("patch.core.pods/status.default.p", {"status": {"phase": "Failed"}})
    assert patched["status"] == {"phase": "Failed", "podIP": "10.0.0.1"}
    assert (await api.ok("get.core.pods/status.default.p"))["status"]["phase"] == "Failed"


async def test_scale(api: Cluster) -> None:
    await api.ok("create.apps.deployments.default", deployment())
    scale = await api.ok("get.apps.deployments/scale.default.web")
    assert (scale["kind"], scale["spec"], scale["status"]["selector"]) == ("Scale", {"replicas": 2}, "app=web")
    scale["spec"]["replicas"] = 4
    assert (await api.ok("update.apps.deployments/scale.default.web", scale))["spec"] == {"replicas": 4}
    assert (await api.refused("update.apps.deployments/scale.default.web", scale))[1] == "Conflict"
    patched = await api.ok("patch.apps.deployments/scale.default.web", {"spec": {"replicas": 0}})
    assert patched["spec"] == {"replicas": 0}
    assert (await api.ok("get.apps.deployments.default.web"))["metadata"]["generation"] == 3


async def test_binding_places_a_pod_once(api: Cluster) -> None:
    await api.ok("create.core.pods.default", pod())
    bound = await api.ok("create.core.pods/binding.default.p", {"target": {"kind": "Node", "name": "n1"}})
    assert (bound["status"], bound["code"]) == ("Success", 201)
    placed = await api.ok("get.core.pods.default.p")
    assert placed["spec"]["nodeName"] == "n1"
    assert placed["status"]["conditions"][0] | {"lastTransitionTime": ""} == {
        "type": "PodScheduled",
        "status": "True",
        "lastTransitionTime": "",
    }
    assert await api.refused("create.core.pods/binding.default.p", {"target": {"name": "n2"}}) == (
        409,
        "Conflict",
        'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"',
    )


async def test_a_namespace_ends_when_it_is_finalized(api: Cluster) -> None:
    await api.ok("create.core.namespaces", {"metadata": {"name": "x"}})
    ending = await api.ok("delete.core.namespaces.x")
    assert ending["status"]["phase"] == "Terminating"
    assert await api.refused("create.core.pods.x", pod()) == (
        403,
        "Forbidden",
        'pods "p" is forbidden: unable to create new content in namespace x because it is being terminated',
    )
    await api.call("update.core.namespaces/finalize._.x", {**ending, "spec": {"finalizers": []}})
    assert (await api.refused("get.core.namespaces.x"))[1] == "NotFound"


# dry run


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("create.core.pods.default", pod("new")),
        ("update.core.pods.default.p", {**pod(), "metadata": {"name": "p", "labels": {"x": "y"}}}),
        ("patch.core.pods.default.p", {"metadata": {"labels": {"x": "y"}}}),
        ("delete.core.pods.default.p", None),
        ("deletecollection.core.pods.default", None),
        ("create.core.pods/binding.default.p", {"target": {"name": "n1"}}),
        ("patch.apps.deployments/scale.default.web", {"spec": {"replicas": 9}}),
        ("patch.core.pods/status.default.p", {"status": {"phase": "Failed"}}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_dry_run_does_everything_but_write(api: Cluster, subject: str, body: Any) -> None:
    await api.ok("create.core.pods.default", pod())
    await api.ok("create.apps.deployments.default", deployment())
    before = api.revision
    await api.ok(subject, body, Sp_Options="dryRun=All")
    assert api.revision == before


async def test_a_dry_run_still_refuses(api: Cluster) -> None:
    await api.ok("create.core.pods.default", pod())
    assert (await api.refused("create.core.pods.default", pod(), Sp_Options="dryRun=All"))[1] == "AlreadyExists"


# the rest


async def test_discovery(api: Cluster) -> None:
    found = await api.ok("get.meta.api-resources._")
    pods = next(entry for entry in found["resources"] if entry["name"] == "pods")
    assert pods["shortNames"] == ["po"] and "watch" in pods["verbs"]
    assert pods["subresources"] == ["status", "binding", "eviction", "resize"]
    assert (await api.ok("get.meta.version._"))["version"]


async def test_a_store_that_is_away_is_told_as_it_is(api: Cluster) -> None:
    api.server.unavailable = True
    assert (await api.refused("create.core.pods.default", pod()))[:2] == (503, "ServiceUnavailable")
    api.server.unavailable = False
    api.replicas[0].store.lose_acks = 1
    assert (await api.refused("create.core.pods.default", pod()))[:2] == (504, "Timeout")


async def test_a_read_is_never_older_than_asked_for(two: Cluster) -> None:
    two.replicas[1].store.feed_delay_s = 0.2
    made = await two.ok("create.core.configmaps.default", {"metadata": {"name": "c"}})
    revision = made["metadata"]["resourceVersion"]
    for _ in range(4):  # Both replicas answer in turn.
        await two.ok("get.core.configmaps.default.c", {"resourceVersion": revision})


async def test_a_request_whose_answer_would_land_on_a_subject_of_ours_is_not_served(api: Cluster) -> None:
    before = api.revision
    body = json.dumps(pod()).encode()
    await api.client.publish("sp.api.create.core.pods.default", body, reply="sp.obj.core.pods.default.p")
    await api.ok("get.core.namespaces._.default")
    assert api.revision == before


async def test_a_write_that_nobody_waits_for_is_done(api: Cluster) -> None:
    await api.client.publish("sp.api.create.core.pods.default", json.dumps(pod()).encode())
    await api.ok("list.core.pods.default")
    await api.replicas[0].mirror.wait_for(3, 2)
    await api.ok("get.core.pods.default.p")


@pytest.mark.parametrize(
    ("resource", "field", "other"),
    [
        ("deployments", "strategy", "Recreate"),
        ("statefulsets", "updateStrategy", "OnDelete"),
        ("daemonsets", "updateStrategy", "OnDelete"),
    ],
)
async def test_a_strategy_of_another_type_leaves_nothing_of_the_former_one(
    api: Cluster, resource: str, field: str, other: str
) -> None:
    workload = deployment("web")
    made = {"metadata": workload["metadata"], "spec": {**workload["spec"]}}
    del made["spec"]["replicas"]
    stored = await api.ok(f"create.apps.{resource}.default", made)
    assert "rollingUpdate" in stored["spec"][field]
    changed = await api.ok(f"patch.apps.{resource}.default.web", {"spec": {field: {"type": other}}})
    assert changed["spec"][field] == {"type": other}
    back = await api.ok(f"patch.apps.{resource}.default.web", {"spec": {field: {"type": "RollingUpdate"}}})
    assert back["spec"][field] == stored["spec"][field]


async def test_what_is_written_with_another_type_is_judged(api: Cluster) -> None:
    await api.ok("create.apps.deployments.default", deployment("web"))
    both = {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 3}}}}
    code, _, told = await api.refused("patch.apps.deployments.default.web", both)
    assert code == 422
    assert "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'" in told


async def test_what_belongs_to_rolling_updates_does_not_matter_on_delete(api: Cluster) -> None:
    template = {"metadata": {"labels": {"app": "x"}}, "spec": pod()["spec"]}
    strategy = {"type": "OnDelete", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 0}}
    spec = {"selector": {"matchLabels": {"app": "x"}}, "template": template, "updateStrategy": strategy}
    made = await api.ok("create.apps.daemonsets.default", {"metadata": {"name": "x"}, "spec": spec})
    assert made["spec"]["updateStrategy"]["type"] == "OnDelete"

"""What a pod's policy is, by what it says and by whose it is, and when its node is known to have stopped it."""

from __future__ import annotations

import pytest

from proto.disconnection import Disconnection, disconnection, is_fenced, margin_s
from proto.objects.core import Node, NodeStatus
from proto.objects.meta import ObjectMeta, OwnerReference
from proto.objects.pod import DisconnectPolicy, Pod, PodSpec


def pod(kind: str = "", policy: DisconnectPolicy | None = None) -> Pod:
    owner = OwnerReference(api_version="apps/v1", kind=kind, name="o", uid="u", controller=True)
    owners = (owner,) if kind else ()
    return Pod(metadata=ObjectMeta(name="p", owner_references=owners), spec=PodSpec(disconnect=policy))


@pytest.mark.parametrize(
    ("kind", "said", "expected"),
    [
        ("", None, Disconnection()),
        ("ReplicaSet", None, Disconnection()),
        ("Job", DisconnectPolicy(), Disconnection()),
        ("StatefulSet", None, Disconnection(stops=True)),
        ("StatefulSet", DisconnectPolicy(replace_after_seconds=9), Disconnection(stops=True, replace_after_s=9)),
        ("StatefulSet", DisconnectPolicy(stop_after_seconds=60), Disconnection(stops=True, stop_after_s=60)),
        ("ReplicaSet", DisconnectPolicy(stop_after_seconds=0), Disconnection(stops=True, stop_after_s=3)),
        ("ReplicaSet", DisconnectPolicy(on_reconnect="keepBest"), Disconnection(on_reconnect="keepBest")),
    ],
    ids=["bare", "ReplicaSet", "Job-empty", "StatefulSet", "StatefulSet-replace", "StatefulSet-stop", "stop", "keep"],
)
def test_policy(kind: str, said: DisconnectPolicy | None, expected: Disconnection) -> None:
    assert disconnection(pod(kind, said)) == expected


@pytest.mark.parametrize(
    ("kind", "stop_after_s", "since_grant_s", "fenced"),
    [
        ("ReplicaSet", None, 10_000, False),
        ("StatefulSet", None, None, False),
        ("StatefulSet", None, 17, True),
        ("StatefulSet", 60, 60, False),
        ("StatefulSet", 60, 62, True),
        ("StatefulSet", 3600, 3605, False),
        ("StatefulSet", 3600, 3609, True),
        ("ReplicaSet", 5, 17, True),
    ],
    ids=["never-stops", "granted", "with-lease", "margin", "after-margin", "clock-rates", "long", "sooner-than-lease"],
)
def test_fenced(kind: str, stop_after_s: int | None, since_grant_s: int | None, fenced: bool) -> None:
    policy = None if stop_after_s is None else DisconnectPolicy(stop_after_seconds=stop_after_s)
    node = Node(metadata=ObjectMeta(name="n"), status=NodeStatus(since_grant_seconds=since_grant_s))
    assert is_fenced(pod(kind, policy), node) is fenced


def test_a_longer_window_has_a_longer_margin() -> None:
    assert margin_s(86_400) > 100

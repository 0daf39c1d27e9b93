"""What equal pods of a node have in common."""

from __future__ import annotations

import gc

from node_agent.pods.keeping import Siblings
from proto.node import Assignment
from tests.agent.pods import pod


def test_equal_pods_share_their_spec() -> None:
    siblings = Siblings()
    one, other = (siblings.kept(Assignment(pod=pod(name))) for name in ("web-1", "web-2"))
    assert one.pod.spec is other.pod.spec
    assert one.pod.metadata.labels is other.pod.metadata.labels
    assert (one.pod.metadata.name, other.pod.metadata.name) == ("web-1", "web-2")


def test_what_is_kept_says_what_was_assigned() -> None:
    siblings = Siblings()
    siblings.kept(Assignment(pod=pod("web-1")))
    given = Assignment(pod=pod("web-2"), config={"settings": {"colour": "blue"}})
    assert siblings.kept(given.model_copy(deep=True)) == given


def test_pods_that_run_the_same_and_differ_keep_their_own() -> None:
    siblings = Siblings()
    one = siblings.kept(Assignment(pod=pod("web-1")))
    other = siblings.kept(Assignment(pod=pod("web-2", terminationGracePeriodSeconds=5)))
    assert (one.pod.spec.termination_grace_period_seconds, other.pod.spec.termination_grace_period_seconds) == (30, 5)
    later = siblings.kept(Assignment(pod=pod("web-3", terminationGracePeriodSeconds=5)))
    assert later.pod.spec is other.pod.spec


def test_a_spec_that_no_pod_has_any_more_is_let_go() -> None:
    siblings = Siblings()
    first = siblings.kept(Assignment(pod=pod("web-1"))).pod.spec.containers[0].command
    gc.collect()
    second = siblings.kept(Assignment(pod=pod("web-2"))).pod.spec.containers[0].command
    assert first == second
    assert first is not second

"""Selectors: text to requirements, and what they choose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto import selectors
from proto.objects.core import Event, EventSource, ObjectReference
from proto.objects.meta import LabelSelector, LabelSelectorRequirement, ObjectMeta
from proto.objects.pod import Pod, PodSpec
from proto.objects.pod_status import PodStatus

WEB = {"app": "web", "tier": "front", "empty": ""}


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("", True),
        ("app=web", True),
        ("app==web", True),
        (" app = web , tier = front ", True),
        ("app!=web", False),
        ("other!=web", True),
        ("app=web,tier=back", False),
        ("app in (web,api)", True),
        ("app in (api)", False),
        ("app notin (api)", True),
        ("missing notin (x)", True),
        ("missing in (x)", False),
        ("app", True),
        ("missing", False),
        ("!app", False),
        ("!missing", True),
        ("empty=", True),
        ("app=", False),
        ("app=web,app=api", False),
    ],
)
def test_label_selectors_choose(text: str, chosen: bool) -> None:
    assert selectors.matches(selectors.parse_label_selector(text), WEB) is chosen


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("app in web", "found 'web', expected: '('"),
        ("app in (web", "found '', expected: ',' or ')'"),
        ("app web", "found 'web', expected: ',', '=', '==', '!=', 'in', 'notin' or the end"),
        ("app=web,", "nothing behind the last ','"),
        ("=web", "found '=', expected: a label key"),
        ("!", "a label key is missing"),
        ("app>5", "found '>', expected: ',', '=', '==', '!=', 'in', 'notin' or the end"),
        ("-app=1", "key '-app': name part must consist of"),
        ("app=a/b", "value 'a/b': a valid label must be"),
    ],
)
def test_label_selectors_that_cannot_be_read(text: str, detail: str) -> None:
    with pytest.raises(ValueError) as caught:
        selectors.parse_label_selector(text)
    assert str(caught.value).startswith(f"unable to parse label selector {text!r}: {detail}")


_words = st.from_regex(r"[a-z]{1,5}", fullmatch=True)
_operators = st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"])
_requirements = st.builds(
    lambda key, operator, values: LabelSelectorRequirement(
        key=key, operator=operator, values=tuple(values) if operator in ("In", "NotIn") else ()
    ),
    _words,
    _operators,
    st.lists(_words, min_size=1, max_size=3),
)
_selectors = st.builds(
    LabelSelector,
    match_labels=st.dictionaries(_words, _words, max_size=3),
    match_expressions=st.lists(_requirements, max_size=3).map(tuple),
)


@given(_selectors, st.dictionaries(_words, _words))
def test_text_says_what_the_selector_says(selector: LabelSelector, labels: dict[str, str]) -> None:
    read_back = selectors.parse_label_selector(selectors.format_label_selector(selector))
    assert selectors.matches(read_back, labels) == selectors.matches(selector, labels)


POD = Pod(
    metadata=ObjectMeta(name="p", namespace="default"),
    spec=PodSpec(node_name="n1"),
    status=PodStatus(phase="Running", pod_ip="10.0.0.1"),
)
EVENT = Event(
    metadata=ObjectMeta(name="e", namespace="default"),
    involved_object=ObjectReference(kind="Pod", name="p"),
    reason="Started",
    source=EventSource(component="agent"),
)


@pytest.mark.parametrize(
    ("obj", "text", "chosen"),
    [
        (POD, "", True),
        (POD, "metadata.name=p,metadata.namespace=default", True),
        (POD, "spec.nodeName=n1", True),
        (POD, "spec.nodeName==n2", False),
        (POD, "spec.nodeName!=", True),
        (POD, "status.phase!=Running", False),
        (POD, "status.podIP=10.0.0.1", True),
        (EVENT, "involvedObject.kind=Pod,involvedObject.name=p", True),
        (EVENT, "involvedObject.uid=", True),
        (EVENT, "reason=Started,type=Normal,source=agent", True),
    ],
)
def test_field_selectors_choose(obj: Pod | Event, text: str, chosen: bool) -> None:
    assert selectors.field_matches(selectors.parse_field_selector(text), obj) is chosen


def test_a_field_selector_names_only_selectable_fields() -> None:
    with pytest.raises(ValueError, match=r'"spec.image" is not a known field selector for Node: only "metadata.name"'):
        selectors.check_field_selector(selectors.parse_field_selector("spec.image=x"), "Node")


@pytest.mark.parametrize("text", ["status.phase", "a=b=c", "=x", "a<b"])
def test_field_selectors_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError, match="invalid field selector"):
        selectors.parse_field_selector(text)

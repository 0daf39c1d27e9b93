"""Manifests: YAML and JSON as people write them, and every way to get them wrong."""

from __future__ import annotations

import pytest

from proto.manifests import ManifestError, dump_yaml, identify, load_manifests

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(12)
)


@pytest.mark.parametrize(
    ("text", "documents"),
    [
        ("", []),
        ("# nothing\n---\n---\n", []),
        ("a: 1\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ('{"a": [1, null, true]}', [{"a": [1, None, True]}]),
        ("kind: List\nitems:\n- a: 1\n- {b: 2}\n", [{"a": 1}, {"b": 2}]),
        ("kind: PodList\nitems:\n- a: 1\n", [{"a": 1}]),
        ("a: 2024-01-01\nb: 010\nc: yes\nd: '010'\n", [{"a": "2024-01-01", "b": 8, "c": True, "d": "010"}]),
        ("x: &a {k: v}\ny: {<<: *a, z: 1}", [{"x": {"k": "v"}, "y": {"k": "v", "z": 1}}]),
        (b"\xef\xbb\xbfa: 1", [{"a": 1}]),
    ],
    ids=["empty", "empty-documents", "two", "json", "list", "typed-list", "yaml-1.1", "merge", "byte-order-mark"],
)
def test_what_can_be_read(text: str | bytes, documents: list[object]) -> None:
    assert load_manifests(text, "f.yaml") == documents


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", 'f.yaml:3: key "a" is given twice, first in line 1'),
        ('{"a": 1, "a": 2}', 'f.yaml:1: key "a" is given twice, first in line 1'),
        (b"a: 1\nb: \xff", "f.yaml:2: not valid UTF-8: byte 0xff"),
        ("a: \ud800", "f.yaml: not valid Unicode: it holds half of a surrogate pair"),
        ("a:\n\t- b", "f.yaml:2: found a tab where YAML wants spaces: indent with spaces"),
        ("a: @b", "f.yaml:1: found '@', which cannot begin a value: put the text in quotes"),
        ("- 1", "f.yaml:1: must be a mapping with apiVersion and kind, found a list"),
        ("hello", "f.yaml:1: must be a mapping with apiVersion and kind, found 'hello'"),
        ("a: 1\n---\n3", "f.yaml:3: must be a mapping with apiVersion and kind, found 3"),
        ("1: x", "f.yaml:1: keys must be strings, found 1: write it in quotes"),
        ("yes: x", "f.yaml:1: keys must be strings, found yes: write it in quotes"),
        ("? [a]\n: x", "f.yaml:1: keys must be strings, found a list or mapping: write it in quotes"),
        ("a: &x [*x]", "f.yaml:1: nested more than 60 levels deep by its aliases"),
        (BOMB, "f.yaml:1: more than 200000 values, with aliases expanded"),
        ("a: " + "[" * 100_000 + "]" * 100_000, "f.yaml:1: nested more than 60 levels deep"),
        (
            "a: !!python/object:os.system x",
            "f.yaml:1: the tag tag:yaml.org,2002:python/object:os.system is not allowed",
        ),
        ("a: !!binary eA==", "f.yaml:1: the tag tag:yaml.org,2002:binary is not allowed"),
        ("a: .nan", "f.yaml:1: .nan is not a number that can be stored"),
        ("a: 99999999999999999999", "f.yaml:1: 99999999999999999999 is too large a number"),
        ("a: [1,", "f.yaml:2: did not find expected node content (while parsing a flow node)"),
        ("a: 'x", "f.yaml:1: found unexpected end of stream (while scanning a quoted scalar)"),
        ("a: b: c", "f.yaml:1: mapping values are not allowed in this context"),
        ("a: *b", "f.yaml:1: found undefined alias"),
        ("kind: List\nitems: 3", "f.yaml:1: items: must be a list, found 3"),
        ("kind: List\nitems: [3]", "f.yaml:1: must be a mapping with apiVersion and kind, found 3"),
    ],
)
def test_what_cannot_be_read_says_why_and_where(text: str | bytes, message: str) -> None:
    with pytest.raises(ManifestError) as caught:
        load_manifests(text, "f.yaml")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({}, "f: apiVersion is missing"),
        ({"apiversion": "v1", "kind": "Pod"}, 'f: unknown field "apiversion", did you mean "apiVersion"?'),
        ({"apiVersion": "v1", "Kind": "Pod"}, 'f: unknown field "Kind", did you mean "kind"?'),
        ({"apiVersion": "v1"}, "f: kind is missing"),
        ({"apiVersion": 1, "kind": "Pod"}, "f: apiVersion: must be a non-empty string"),
        ({"apiVersion": "v1", "kind": "pod"}, 'f: no matches for kind "pod" in version "v1", did you mean "Pod"?'),
        (
            {"apiVersion": "v1", "kind": "Deployment"},
            'f: no matches for kind "Deployment" in version "v1", did you mean apiVersion "apps/v1"?',
        ),
        ({"apiVersion": "batch/v1", "kind": "Chore"}, 'f: no matches for kind "Chore" in version "batch/v1"'),
    ],
)
def test_a_manifest_of_no_known_kind(raw: dict[str, object], message: str) -> None:
    with pytest.raises(ManifestError) as caught:
        identify(raw, "f")
    assert str(caught.value) == message


def test_yaml_that_is_written_reads_back() -> None:
    raw = {"a": ["x", {"b": "l1\nl2\n"}], "t": "2024-01-01T00:00:00Z", "n": "010", "y": "yes", "e": "", "i": 3}
    text = dump_yaml({**raw, "a": tuple(raw["a"])})  # type: ignore[arg-type]
    assert load_manifests(text, "x") == [raw]
    assert "b: |\n" in text

"""The empty map that stands where an object has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from proto import codec
from proto.no_entries import NO_ENTRIES
from proto.objects.core import Namespace
from proto.objects.meta import ObjectMeta
from proto.objects.pod import Pod


def test_objects_without_entries_share_one_map() -> None:
    one, other = Pod(metadata=ObjectMeta(name="a")), codec.from_dict({"apiVersion": "v1", "kind": "Pod"})
    assert one.metadata.labels is other.metadata.labels is NO_ENTRIES
    assert Namespace().metadata is Namespace().metadata


def test_it_is_an_empty_dict_to_everyone() -> None:
    assert NO_ENTRIES == {} == codec.unpack_raw(codec.pack_raw(NO_ENTRIES))
    assert {**NO_ENTRIES, "a": 1} == {"a": 1} == NO_ENTRIES | {"a": 1}
    assert codec.dump_json(NO_ENTRIES) == b"{}"


@pytest.mark.parametrize(
    "change",
    [
        lambda entries: entries.__setitem__("a", 1),
        lambda entries: entries.setdefault("a", 1),
        lambda entries: entries.update(a=1),
        lambda entries: entries.__ior__({"a": 1}),
    ],
    ids=["an entry", "setdefault", "update", "|="],
)
def test_who_would_change_it_is_stopped(change: Callable[[dict[str, Any]], None]) -> None:
    with pytest.raises(TypeError, match="shared by all objects"):
        change(NO_ENTRIES)
    assert NO_ENTRIES == {}

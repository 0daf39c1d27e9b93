"""The examples are manifests that the API takes, word for word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from control_plane.api.defaults import with_defaults
from control_plane.api.validation import check_new
from proto import catalog
from proto.objects.meta import evolve
from proto.schema import read_strict

EXAMPLES = Path(__file__).parents[2] / "examples"
DOCUMENTS = [
    pytest.param(document, id=f"{path.stem}-{document['kind']}")
    for path in sorted(EXAMPLES.rglob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_an_example_has_no_mistakes(document: dict[str, Any]) -> None:
    kind = catalog.by_gvk(document["apiVersion"], document["kind"])
    assert kind is not None
    reading = read_strict(document, kind)
    assert (reading.causes, reading.warnings) == ((), ())
    assert reading.object is not None
    placed = evolve(reading.object, **({"metadata.namespace": "default"} if kind.namespaced else {}))
    assert check_new(with_defaults(placed)) == ()

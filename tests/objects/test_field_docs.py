"""Every kind and every field says what it means, so that `setpoint explain` has an answer."""

from __future__ import annotations

import pytest

from proto import catalog
from proto.catalog import Kind
from proto.field_docs import class_doc, field_doc
from proto.objects.meta import Model
from setpoint.cli.explain import held_model, whole_annotation


def models_of(kind: Kind) -> set[type[Model]]:
    """The kind's model and all that it holds."""
    found: set[type[Model]] = set()
    waiting: list[type[Model]] = [kind.model]
    while waiting:
        model = waiting.pop()
        if model in found:
            continue
        found.add(model)
        inner = (held_model(whole_annotation(field)) for field in model.model_fields.values())
        waiting += [each for each in inner if each is not None]
    return found


@pytest.mark.parametrize("kind", catalog.KINDS, ids=lambda kind: kind.kind)
def test_every_field_of_a_kind_has_a_meaning(kind: Kind) -> None:
    models = sorted(models_of(kind), key=lambda model: model.__name__)
    assert [model.__name__ for model in models if not class_doc(model)] == []
    silent = [
        f"{model.__name__}.{name}" for model in models for name in model.model_fields if not field_doc(model, name)
    ]
    assert silent == []

"""Objects that are kept for long, without what nobody asks them for.

Writes: what pydantic itself remembers of a model. Never: a field.
"""

from __future__ import annotations

from functools import cache
from typing import TypeVar, get_args

from proto.objects.meta import Model

M = TypeVar("M", bound=Model)

_NONE: set[str] = set()
"""Whose set this is, is lean with all that is in it, since models do not change; a copy has a set of its own."""


def lean(model: M) -> M:
    """The same model, which does not remember any more which of its fields, and of those in it, were given.

    Pydantic keeps the names in a set with every model, for `exclude_unset`. That is used nowhere here, since what is
    empty is left out; and the sets are a third of a pod's memory.
    """
    if model.__pydantic_fields_set__ is _NONE:
        return model
    object.__setattr__(model, "__pydantic_fields_set__", _NONE)
    values = model.__dict__
    for name in _holders(type(model)):
        value = values[name]
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Model):
                lean(part)
    return model


@cache
def _holders(kind: type[Model]) -> tuple[str, ...]:
    """The fields in which there may be models."""
    return tuple(name for name, field in kind.model_fields.items() if _holds_models(field.annotation))


def _holds_models(annotation: object) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return True
    return any(map(_holds_models, get_args(annotation)))

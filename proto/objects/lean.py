"""Objects that are kept for long, without what nobody asks them for.

Writes: what pydantic itself remembers of a model. Never: a field.
"""

from __future__ import annotations

from typing import TypeVar

from proto.objects.meta import Model

M = TypeVar("M", bound=Model)

_NONE: set[str] = set()


def lean(model: M) -> M:
    """The same model, which does not remember any more which of its fields, and of those in it, were given.

    Pydantic keeps the names in a set with every model, for `exclude_unset`. That is used nowhere here, since what is
    empty is left out; and the sets are a third of a pod's memory.
    """
    object.__setattr__(model, "__pydantic_fields_set__", _NONE)
    for value in model.__dict__.values():
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Model):
                lean(part)
    return model

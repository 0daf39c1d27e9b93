"""The shape of a model, precomputed: which wire names it has, and what each value should look like, in words.

`shape_of(Deployment)` is a tree of `Record`, `ListOf`, `MapOf` and `Scalar` that `proto.schema` walks beside what a
person wrote. It is computed once a model, from the same pydantic fields that validate, so the two cannot disagree.

Reads: `model_fields` of the models. Writes nothing.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from proto.objects.meta import Model, Wanted

_SMALL_LIMITS = (255, 65535)
"""Upper limits that are worth telling with the lower one; those of 32 and 64 bits are told when they are passed."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value; `wanted` completes the sentence "must be …"."""

    wanted: str


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list, each item of one shape."""

    item: Shape
    wanted: str = "a list"


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping from any text to values of one shape."""

    value: Shape
    wanted: str = "a mapping"


@dataclass(frozen=True, slots=True)
class Record:
    """A model: fields by wire name, and the names that Kubernetes has here and we do not."""

    fields: Mapping[str, Shape]
    unimplemented: frozenset[str]
    wanted: str = "a mapping"


Shape = Scalar | ListOf | MapOf | Record


@lru_cache(maxsize=256)
def shape_of(model: type[Model]) -> Record:
    """The shape of a model, with the shapes of all that it contains."""
    fields = {field.alias or name: _of_field(field) for name, field in model.model_fields.items()}
    return Record(fields, model.UNIMPLEMENTED)


def _of_field(field: FieldInfo) -> Shape:
    return _of_annotation(field.annotation, field.metadata)


def _of_annotation(annotation: Any, metadata: Iterable[Any] = ()) -> Shape:
    """The shape of one annotation; `metadata` are its constraints, outermost first."""
    known = [constraint for constraint in metadata if isinstance(constraint, Wanted)]
    if known:
        return Scalar(known[0].words)
    if isinstance(annotation, FieldInfo):
        return _of_field(annotation)
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        inner, *constraints = typing.get_args(annotation)
        return _of_annotation(inner, [*metadata, *_flat(constraints)])
    if origin in (typing.Union, types.UnionType):
        return _of_union(typing.get_args(annotation), metadata)
    if origin is tuple:
        return ListOf(_of_annotation(typing.get_args(annotation)[0]))
    if origin is dict:
        return MapOf(_of_annotation(typing.get_args(annotation)[1]))
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return shape_of(annotation)
    return Scalar(_words(annotation, metadata))


def _flat(constraints: Iterable[Any]) -> list[Any]:
    """Constraints with those inside a `Field(...)` taken out of it."""
    flat: list[Any] = []
    for constraint in constraints:
        flat.extend(constraint.metadata if isinstance(constraint, FieldInfo) else [constraint])
    return flat


def _of_union(members: tuple[Any, ...], metadata: Iterable[Any]) -> Shape:
    """Optional values have the shape of the value; a union of choices is one choice."""
    present = [member for member in members if member is not types.NoneType]
    if len(present) == 1:
        return _of_annotation(present[0], metadata)
    return Scalar(" or ".join(_words(member, ()) for member in present if member != Literal[""]))


def _words(annotation: Any, metadata: Iterable[Any]) -> str:
    """What a scalar should be."""
    if typing.get_origin(annotation) is Literal:
        return _choice(typing.get_args(annotation))
    if annotation is int:
        return _whole_number(metadata)
    return {
        str: "a string",
        bool: "true or false",
        float: "a number",
    }.get(annotation, "a value")


def _choice(values: tuple[str, ...]) -> str:
    names = [f'"{value}"' for value in values]
    return f"one of {', '.join(names)}" if len(names) > 1 else names[0]


def _whole_number(metadata: Iterable[Any]) -> str:
    low = next((constraint.ge for constraint in metadata if isinstance(constraint, Ge)), None)
    high = next((constraint.le for constraint in metadata if isinstance(constraint, Le)), None)
    if low != 0:
        return "a whole number"
    return f"a whole number from 0 to {high}" if high in _SMALL_LIMITS else "a whole number ≥ 0"

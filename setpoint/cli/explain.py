"""`setpoint explain KIND[.FIELD…]`: what a kind and its fields mean, of which type they are, and their defaults.

Reads: the models and their docstrings; asks no cluster. Source: kubectl `pkg/explain`.
"""

from __future__ import annotations

import argparse
import textwrap
import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from proto.catalog import Kind
from setpoint.cli.errors import CliError
from setpoint.cli.resources import find_kind

_WIDTH = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("path", help="such as deployment, or deployment.spec.strategy")
    parser.add_argument("--recursive", action="store_true", help="all fields below, without their meaning")


def run(options: argparse.Namespace) -> int:
    """Print the page."""
    word, *steps = options.path.split(".")
    kind = find_kind(word)
    print("\n".join(_page(kind, steps, recursive=options.recursive)))
    return 0


def _page(kind: Kind, steps: list[str], *, recursive: bool) -> Iterator[str]:
    from proto.field_docs import class_doc, field_doc

    model: Any = kind.model
    annotation, doc, default = model, class_doc(kind.model), ""
    for number, step in enumerate(steps):
        if model is None:
            raise CliError(f'{".".join([kind.singular, *steps[:number]])} has no fields, found "{step}"')
        name, field = _find(model, step, ".".join([kind.singular, *steps[:number]]))
        annotation, doc, default = whole_annotation(field), field_doc(model, name), _default(field)
        model = held_model(annotation)
    yield f"KIND:       {kind.kind}"
    yield f"VERSION:    {kind.api_version}"
    yield ""
    if steps:
        yield f"FIELD: {steps[-1]} <{_type(annotation)}>"
        yield from _facts(annotation, default)
        yield ""
    yield "DESCRIPTION:"
    yield from _wrapped(doc or (class_doc(model) if model is not None else ""), "    ")
    if model is not None and steps and class_doc(model) and class_doc(model) != doc:
        yield from _wrapped(class_doc(model), "    ")
    if model is None:
        return
    yield ""
    yield "FIELDS:"
    yield from _tree(model, 2) if recursive else _fields(model)


def _fields(model: Any) -> Iterator[str]:
    from proto.field_docs import field_doc

    for name, field in sorted(model.model_fields.items(), key=lambda pair: pair[1].alias or pair[0]):
        annotation = whole_annotation(field)
        required = " -required-" if field.is_required() else ""
        yield f"  {field.alias or name}\t<{_type(annotation)}>{required}"
        yield from _facts(annotation, _default(field), indent="    ")
        yield from _wrapped(field_doc(model, name), "    ")
        yield ""
    if model.UNIMPLEMENTED:
        yield from _wrapped(
            f"Known to Kubernetes, not here, ignored with a warning: {', '.join(sorted(model.UNIMPLEMENTED))}.", "  "
        )


def _tree(model: Any, indent: int) -> Iterator[str]:
    for name, field in sorted(model.model_fields.items(), key=lambda pair: pair[1].alias or pair[0]):
        annotation = whole_annotation(field)
        yield f"{' ' * indent}{field.alias or name}\t<{_type(annotation)}>"
        inner = held_model(annotation)
        if inner is not None:
            yield from _tree(inner, indent + 2)


def _find(model: Any, step: str, where: str) -> tuple[str, Any]:
    """The field of that wire name, in any case.

    Raises:
        CliError: there is none; the nearest is named.
    """
    from proto.spelling import did_you_mean

    for name, field in model.model_fields.items():
        if (field.alias or name).lower() == step.lower():
            return name, field
    if step in model.UNIMPLEMENTED:
        raise CliError(f'{where}: "{step}" is known to Kubernetes and not implemented here')
    names = [field.alias or name for name, field in model.model_fields.items()]
    raise CliError(f'{where} has no field "{step}"{did_you_mean(step, names)}')


def whole_annotation(field: Any) -> Any:
    """A field's annotation, with the constraints that pydantic took out of it."""
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _facts(annotation: Any, default: str, indent: str = "") -> Iterator[str]:
    if choices := _choices(annotation):
        yield f"{indent}ENUM: {', '.join(choices)}"
    if default:
        yield f"{indent}DEFAULT: {default}"


def _default(field: Any) -> str:
    value = None if field.is_required() else field.default
    if value is None or value == () or value == {} or value == "" or hasattr(value, "model_fields"):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plain(annotation: Any) -> Any:
    """The annotation without `Annotated` and `None`."""
    while True:
        origin = typing.get_origin(annotation)
        if origin is Annotated:
            annotation = typing.get_args(annotation)[0]
        elif origin in (typing.Union, types.UnionType):
            members = [member for member in typing.get_args(annotation) if member is not types.NoneType]
            if len(members) != 1:
                return annotation
            annotation = members[0]
        else:
            return annotation


def held_model(annotation: Any) -> Any:
    """The model that a field holds, alone, in a list or in a map; None for a plain value."""
    plain = _plain(annotation)
    if typing.get_origin(plain) is tuple:
        return held_model(typing.get_args(plain)[0])
    if typing.get_origin(plain) is dict:
        return held_model(typing.get_args(plain)[1])
    return plain if hasattr(plain, "model_fields") else None


def _choices(annotation: Any) -> list[str]:
    plain = _plain(annotation)
    members = typing.get_args(plain) if typing.get_origin(plain) in (typing.Union, types.UnionType) else (plain,)
    found = [value for member in members if typing.get_origin(member) is Literal for value in typing.get_args(member)]
    return [str(value) or '""' for value in found]


def _type(annotation: Any) -> str:
    """`string`, `integer`, `[]Container`, `map[string]string`, …: as kubectl writes it."""
    plain = _plain(annotation)
    origin = typing.get_origin(plain)
    if origin is tuple:
        return f"[]{_type(typing.get_args(plain)[0])}"
    if origin is dict:
        return f"map[string]{_type(typing.get_args(plain)[1])}"
    if origin is Literal:
        return "string"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(member) for member in typing.get_args(plain)))
    names = {str: "string", int: "integer", bool: "boolean", float: "number", Any: "any"}
    if plain in names:
        return names[plain]
    name = str(getattr(plain, "__name__", "any"))
    return "time" if name == "AwareDatetime" else name


def _wrapped(text: str, indent: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield from textwrap.wrap(
            " ".join(paragraph.split()), _WIDTH, initial_indent=indent, subsequent_indent=indent
        ) or [""]

"""The strict reading of what a person wrote: every field must be known to us (or Kubernetes), every value must fit.

Stored objects are decoded leniently (they may come from a newer version); input is not: a misspelt field that is
silently ignored is the worst of mistakes. So a raw dict is walked beside the model's shape:

- a field that nobody knows is a cause, with its path and the nearest real name;
- a field that Kubernetes has and we do not is a warning, and dropped;
- `null` means "not set", as in Kubernetes;
- then pydantic validates strictly (a string is a string, `true` is no number), and each of its errors becomes a cause
  with the path as a user writes it, what was found and what would be right.

Reads and writes nothing else. Never here: rules that join several fields (see the API's validation).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from proto.catalog import Kind
from proto.errors import Cause
from proto.objects.meta import Model, Object
from proto.shapes import ListOf, MapOf, Record, Scalar, Shape, shape_of
from proto.spelling import did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_SHOWN_LENGTH_MAX = 60
_CAUSES_MAX = 20
"""More causes than this help nobody, and would let a bad request cost much."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading: `clean` holds known fields only; `object` is there if there are no causes."""

    clean: dict[str, Any]
    warnings: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()
    object: Object | None = None


ENTRIES_MAX = 5_000
"""Entries of all lists and maps of one object: no object needs so many, and each of them may be a mistake to tell."""


@dataclass(slots=True)
class _Findings:
    """What a walk collects."""

    warnings: list[str] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)
    entries: int = 0

    def admit(self, entries: int, path: str) -> bool:
        """Count the entries of a list or map; False, and a cause, if that is too many."""
        self.entries += entries
        if self.entries > ENTRIES_MAX:
            self.causes.append(Cause(path, f"too many entries, an object may have {ENTRIES_MAX}", "FieldValueTooMany"))
            return False
        return True


def read_strict(raw: dict[str, Any], kind: Kind) -> Reading:
    """Read what a person wrote for an object of `kind`."""
    return read_model(raw, kind.model)


def read_model(raw: dict[str, Any], model: type[Model]) -> Reading:
    """Read what a person wrote for any model, such as a `Scale` or `Binding`."""
    shape = shape_of(model)
    findings = _Findings()
    clean = _read_record(shape, raw, "", findings)
    made, causes = _validate(clean, model, shape)
    causes = (*findings.causes, *causes)[:_CAUSES_MAX]
    obj = made if isinstance(made, Object) and not causes else None
    return Reading(clean, _bounded(findings.warnings), causes, obj)


def _bounded(warnings: list[str]) -> tuple[str, ...]:
    """The first warnings, and how many more there are: an answer stays short, and nothing is left out silently."""
    more = len(warnings) - _CAUSES_MAX
    return (*warnings[:_CAUSES_MAX], *([f"and {more} more warnings of this kind"] if more > 0 else ()))


def _read(shape: Shape, raw: Any, path: str, findings: _Findings) -> Any:
    """`raw` without what is not ours to keep; a value of the wrong form is left for the validation to name."""
    if isinstance(shape, Record) and isinstance(raw, dict):
        return _read_record(shape, raw, path, findings)
    if isinstance(shape, ListOf) and isinstance(raw, list | tuple):
        if not findings.admit(len(raw), path):
            return []
        return [_read(shape.item, item, f"{path}[{index}]", findings) for index, item in enumerate(raw)]
    if isinstance(shape, MapOf) and isinstance(raw, dict):
        if not findings.admit(len(raw), path):
            return {}
        return {
            key: _read(shape.value, value, join(path, key), findings)
            for key, value in raw.items()
            if _is_text(key, path, findings)
        }
    return raw


def _read_record(shape: Record, raw: dict[str, Any], path: str, findings: _Findings) -> dict[str, Any]:
    clean = {}
    for name, value in raw.items():
        if not _is_text(name, path, findings):
            continue
        known = shape.fields.get(name)
        if known is not None:
            if value is not None:
                clean[name] = _read(known, value, join(path, name), findings)
        elif name in shape.unimplemented:
            findings.warnings.append(f"{join(path, name)}: known to Kubernetes, not implemented here, ignored")
        else:
            findings.causes.append(_unknown(shape, name, path))
    return clean


def _is_text(key: Any, path: str, findings: _Findings) -> bool:
    if isinstance(key, str):
        return True
    findings.causes.append(Cause(path, f"keys must be strings, found {shown(key)}", "FieldValueTypeInvalid"))
    return False


def _unknown(shape: Record, name: str, path: str) -> Cause:
    where = join(path, name)
    hint = did_you_mean(name, [*shape.fields, *shape.unimplemented])
    return Cause(where, f'unknown field "{where}"{hint}', "FieldValueNotSupported")


def _validate(clean: dict[str, Any], model: type[Model], shape: Record) -> tuple[Model | None, tuple[Cause, ...]]:
    """Validate in pydantic's strict JSON mode: lists are lists and times are texts there, and nothing is coerced."""
    try:
        return model.model_validate_json(json.dumps(clean), strict=True), ()
    except ValidationError as error:
        causes: dict[str, Cause] = {}
        for problem in error.errors(include_url=False):
            cause = _translate(problem, shape)
            causes.setdefault(cause.field, cause)
            if len(causes) == _CAUSES_MAX:
                break
        return None, tuple(causes.values())


def _translate(problem: ErrorDetails, shape: Shape) -> Cause:
    """One of pydantic's errors in our words."""
    path, wanted = _locate(problem["loc"], shape)
    found = shown(problem["input"])
    match problem["type"]:
        case "missing":
            return Cause(path, "Required value", "FieldValueRequired")
        case "value_error":
            return Cause(path, problem["msg"].removeprefix("Value error, "))
        case "less_than_equal":
            return Cause(path, f"must be at most {problem['ctx']['le']}, found {found}")
        case "literal_error":
            return Cause(path, f"must be {wanted}, found {found}", "FieldValueNotSupported")
        case kind:
            reason = "FieldValueTypeInvalid" if kind.endswith("_type") else "FieldValueInvalid"
            return Cause(path, f"must be {wanted}, found {found}", reason)


def _locate(loc: Sequence[str | int], shape: Shape) -> tuple[str, str]:
    """The path of pydantic's location, and the words for what should be there.

    Behind a scalar pydantic goes on with names of its own (members of a union); they say nothing to a person.
    """
    path = ""
    for step in loc:
        if isinstance(shape, Scalar):
            break
        if isinstance(shape, ListOf):
            path, shape = f"{path}[{step}]", shape.item
        elif isinstance(shape, MapOf):
            path, shape = join(path, str(step)), shape.value
        else:
            path, shape = join(path, str(step)), shape.fields[str(step)]
    return path, shape.wanted


def join(path: str, name: str) -> str:
    """A path one step further; a name that is not a plain word is put in brackets, as Kubernetes does."""
    if len(name) > _SHOWN_LENGTH_MAX:
        name = name[:_SHOWN_LENGTH_MAX] + "…"
    if "." in name or "/" in name or not name:
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else name


def shown(found: Any) -> str:
    """A value as a message quotes it: short, and in the words of JSON."""
    if found is None:
        return "null"
    if isinstance(found, dict):
        return "a mapping"
    if isinstance(found, list | tuple):
        return "a list"
    if isinstance(found, str):
        text = found if len(found) <= _SHOWN_LENGTH_MAX else found[:_SHOWN_LENGTH_MAX] + "…"
        return json.dumps(text, ensure_ascii=False)
    if isinstance(found, bool):
        return "true" if found else "false"
    text = str(found)
    return text if len(text) <= _SHOWN_LENGTH_MAX else text[:_SHOWN_LENGTH_MAX] + "…"

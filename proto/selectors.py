"""Choosing objects: label selectors (`app=web,tier in (a,b),!legacy`) and field selectors (`spec.nodeName=n1`).

Text to `LabelSelector` and back, and the question whether labels or an object match. Reads and writes nothing.

Source: Kubernetes `apimachinery/pkg/labels` and `fields`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from proto.names import label_key_problem, label_value_problem
from proto.objects.meta import LabelSelector, LabelSelectorRequirement, Model, Object

_TOKEN = re.compile(r"\s*(==|!=|=|!|,|\(|\)|<|>|[^\s=!,()<>]+)")
_SHOWN_LENGTH_MAX = 80
_SETS: dict[str, Literal["In", "NotIn"]] = {"in": "In", "notin": "NotIn"}


class FieldRequirement(NamedTuple):
    """`path operator value`, one part of a field selector; all parts must hold."""

    path: str
    operator: Literal["=", "!="]
    value: str


def matches(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether `labels` satisfy all parts of `selector`; an empty selector matches everything."""
    for key, value in selector.match_labels.items():
        if labels.get(key) != value:
            return False
    return not selector.match_expressions or all(
        _holds(requirement, labels) for requirement in selector.match_expressions
    )


def _holds(requirement: LabelSelectorRequirement, labels: Mapping[str, str]) -> bool:
    """One expression; `NotIn` and `!=` also hold where the key is missing (Kubernetes: labels and selectors)."""
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value is not None and value in requirement.values
        case "NotIn":
            return value is None or value not in requirement.values
        case "Exists":
            return value is not None
    return value is None


def parse_label_selector(text: str) -> LabelSelector:
    """The selector that `text` writes; "" chooses everything.

    Raises:
        ValueError: with a message that names the part which cannot be read.
    """
    tokens = _Tokens(text)
    equal: dict[str, str] = {}
    expressions: list[LabelSelectorRequirement] = []
    while not tokens.done:
        requirement = _requirement(tokens)
        # A key may be asked for twice with `=`; the map holds one, the rest become expressions.
        if requirement.operator == "In" and len(requirement.values) == 1 and requirement.key not in equal:
            equal[requirement.key] = requirement.values[0]
        else:
            expressions.append(requirement)
        tokens.separator()
    return LabelSelector(match_labels=equal, match_expressions=tuple(expressions))


def _requirement(tokens: _Tokens) -> LabelSelectorRequirement:
    if tokens.take("!"):
        return LabelSelectorRequirement(key=tokens.key(), operator="DoesNotExist")
    key = tokens.key()
    if tokens.take("=") or tokens.take("=="):
        return LabelSelectorRequirement(key=key, operator="In", values=(tokens.value(),))
    if tokens.take("!="):
        return LabelSelectorRequirement(key=key, operator="NotIn", values=(tokens.value(),))
    operator = _SETS.get(tokens.peek)
    if operator is None:
        return LabelSelectorRequirement(key=key, operator="Exists")
    tokens.take(tokens.peek)
    return LabelSelectorRequirement(key=key, operator=operator, values=tuple(sorted(set(tokens.values()))))


class _Tokens:
    """The words of a label selector, read from left to right."""

    def __init__(self, text: str):
        self._text = text
        self._words = _TOKEN.findall(text)
        self._at = 0

    @property
    def done(self) -> bool:
        """Whether everything was read."""
        return self._at >= len(self._words)

    @property
    def peek(self) -> str:
        """The next word; "" at the end."""
        return "" if self.done else self._words[self._at]

    def take(self, word: str) -> bool:
        """Step over the next word if it is `word`."""
        if self.peek != word:
            return False
        self._at += 1
        return True

    def separator(self) -> None:
        """Between requirements: a comma, and something behind it."""
        if self.done:
            return
        if not self.take(","):
            raise self.wrong(f"found {_shown(self.peek)}, expected: ',', '=', '==', '!=', 'in', 'notin' or the end")
        if self.done:
            raise self.wrong("nothing behind the last ','")

    def key(self) -> str:
        """A label's key."""
        key = self._word()
        if not key:
            raise self.wrong(
                f"found {_shown(self.peek)}, expected: a label key" if self.peek else "a label key is missing"
            )
        if problem := label_key_problem(key):
            raise self.wrong(f"key {_shown(key)}: {problem}")
        return key

    def value(self) -> str:
        """A label's value, which may be empty."""
        value = self._word()
        if problem := label_value_problem(value):
            raise self.wrong(f"value {_shown(value)}: {problem}")
        return value

    def values(self) -> Iterator[str]:
        """`(a, b, c)`."""
        if not self.take("("):
            raise self.wrong(f"found {_shown(self.peek)}, expected: '('")
        yield self.value()
        while not self.take(")"):
            if not self.take(","):
                raise self.wrong(f"found {_shown(self.peek)}, expected: ',' or ')'")
            yield self.value()

    def _word(self) -> str:
        word = self.peek
        if not word or word in ("=", "==", "!=", "!", ",", "(", ")", "<", ">"):
            return ""
        self._at += 1
        return word

    def wrong(self, detail: str) -> ValueError:
        """The error that quotes the whole selector."""
        return ValueError(f"unable to parse label selector {_shown(self._text)}: {detail}")


def _shown(text: str) -> str:
    """A part of a selector as a message quotes it."""
    return repr(text if len(text) <= _SHOWN_LENGTH_MAX else text[:_SHOWN_LENGTH_MAX] + "…")


def format_label_selector(selector: LabelSelector) -> str:
    """The selector as text; the inverse of `parse_label_selector`."""
    parts = [f"{key}={value}" for key, value in sorted(selector.match_labels.items())]
    for requirement in selector.match_expressions:
        values = ",".join(requirement.values)
        match requirement.operator:
            case "In":
                parts.append(f"{requirement.key} in ({values})")
            case "NotIn":
                parts.append(f"{requirement.key} notin ({values})")
            case "Exists":
                parts.append(requirement.key)
            case "DoesNotExist":
                parts.append(f"!{requirement.key}")
    return ",".join(parts)


_EVERY_KIND = ("metadata.name", "metadata.namespace")
_OF_KIND: dict[str, tuple[str, ...]] = {
    "Pod": ("spec.nodeName", "spec.restartPolicy", "status.phase", "status.podIP"),
    "Node": ("spec.unschedulable",),
    "Namespace": ("status.phase",),
    "ReplicaSet": ("status.replicas",),
    "Event": (
        "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
        "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
        "reportingComponent", "source", "type",
    ),
}  # fmt: skip


def selectable_fields(kind: str) -> tuple[str, ...]:
    """The paths that a field selector may name for objects of `kind`."""
    return _EVERY_KIND + _OF_KIND.get(kind, ())


def parse_field_selector(text: str) -> tuple[FieldRequirement, ...]:
    """The requirements that `text` writes, such as `status.phase!=Running,spec.nodeName=n1`.

    Raises:
        ValueError: a part is not `path=value` or `path!=value`.
    """
    return tuple(_field_requirement(part.strip(), text) for part in text.split(",") if part.strip())


def _field_requirement(part: str, text: str) -> FieldRequirement:
    match = re.fullmatch(r"([^=!\s]+)\s*(==|!=|=)\s*([^=!]*)", part)
    if match is None:
        told = f"invalid field selector {_shown(text)}: cannot read {_shown(part)}"
        raise ValueError(f"{told}, write path=value or path!=value")
    path, operator, value = match.groups()
    return FieldRequirement(path, "!=" if operator == "!=" else "=", value)


def check_field_selector(requirements: Iterable[FieldRequirement], kind: str) -> None:
    """Refuse paths that objects of `kind` cannot be chosen by.

    Raises:
        ValueError: naming the path and those that may be used.
    """
    known = selectable_fields(kind)
    for requirement in requirements:
        if requirement.path not in known:
            choice = ", ".join(f'"{path}"' for path in known)
            raise ValueError(f'"{requirement.path:.80}" is not a known field selector for {kind}: only {choice}')


def field_matches(requirements: Iterable[FieldRequirement], obj: Object) -> bool:
    """Whether `obj` satisfies every requirement; a field that is not set equals ""."""
    return all((field_text(obj, path) == value) is (operator == "=") for path, operator, value in requirements)


def field_text(obj: Object, path: str) -> str:
    """The value at a path of wire names, as the text that a selector compares with."""
    value: object = obj
    for wire_name in path.split("."):
        value = _by_wire_name(value, wire_name)
    if path == "source":  # An event's source is compared by its component (Kubernetes: events field labels).
        value = _by_wire_name(value, "component")
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _by_wire_name(value: object, wire_name: str) -> object:
    if not isinstance(value, Model):
        return None
    for name, field in type(value).model_fields.items():
        if field.alias == wire_name:
            return getattr(value, name)
    return None

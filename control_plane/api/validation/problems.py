"""Collecting what is wrong, in the forms that Kubernetes' messages have.

Source: Kubernetes `apimachinery/pkg/util/validation/field/errors.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from proto import codec
from proto.errors import Cause
from proto.objects.meta import Model

_SHOWN_LENGTH_MAX = 120
_CAUSES_MAX = 20


class EnoughProblems(Exception):
    """More than these help nobody, and would let a bad request cost much: stop looking."""


class Problems:
    """The causes that were found so far; with the last that is taken it raises `EnoughProblems`."""

    def __init__(self) -> None:
        self._causes: list[Cause] = []

    @property
    def causes(self) -> tuple[Cause, ...]:
        """What was found, in the order of finding."""
        return tuple(self._causes)

    def required(self, path: str, detail: str = "") -> None:
        """Something must be there and is not."""
        self._add(path, "Required value", detail, "FieldValueRequired")

    def invalid(self, path: str, value: object, detail: str) -> None:
        """A value breaks a rule."""
        self._add(path, f"Invalid value: {_shown(value)}", detail, "FieldValueInvalid")

    def unsupported(self, path: str, value: object, choices: Iterable[str]) -> None:
        """A value is none of those there are."""
        known = ", ".join(f'"{choice}"' for choice in choices)
        self._add(path, f"Unsupported value: {_shown(value)}", f"supported values: {known}", "FieldValueNotSupported")

    def duplicate(self, path: str, value: object) -> None:
        """A value may be there once only."""
        self._add(path, f"Duplicate value: {_shown(value)}", "", "FieldValueDuplicate")

    def not_found(self, path: str, value: object) -> None:
        """A value names nothing."""
        self._add(path, f"Not found: {_shown(value)}", "", "FieldValueNotFound")

    def forbidden(self, path: str, detail: str) -> None:
        """Something may not be there, or may not be changed."""
        self._add(path, "Forbidden", detail, "FieldValueForbidden")

    def too_long(self, path: str, bytes_max: int) -> None:
        """Something is larger than it may be."""
        self._add(path, "Too long", f"may not be more than {bytes_max} bytes", "FieldValueTooLong")

    def name(self, path: str, value: str, problem: str | None) -> None:
        """What a rule of `proto.names` says about a value, if anything."""
        if problem is not None:
            self.invalid(path, value, problem)

    def no_nul(self, path: str, text: str) -> None:
        """The kernel ends a text at its first NUL."""
        if "\0" in text:
            self.invalid(path, text, "must not contain the NUL character")

    def at_least(self, path: str, value: int, least: int) -> None:
        """A number may not be lower than `least`."""
        if value < least:
            self.invalid(path, value, f"must be greater than or equal to {least}")

    def at_most(self, path: str, value: int, most: int) -> None:
        """A number may not be higher than `most`."""
        if value > most:
            self.invalid(path, value, f"must be less than or equal to {most}")

    def _add(self, path: str, message: str, detail: str, reason: str) -> None:
        self._causes.append(Cause(path, f"{message}: {detail}" if detail else message, reason))
        if len(self._causes) == _CAUSES_MAX:
            raise EnoughProblems


def _shown(value: object) -> str:
    """A value as JSON, shortened."""
    plain: Any = codec.to_dict(value) if isinstance(value, Model) else value
    text = codec.dump_json(plain).decode()
    return text if len(text) <= _SHOWN_LENGTH_MAX else text[:_SHOWN_LENGTH_MAX] + "…"

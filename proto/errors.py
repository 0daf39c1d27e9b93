"""The errors of the API: one class a Kubernetes reason, the same in the server, the client and the CLI.

    ApiError
    |-- BadRequest            400  the request itself cannot be read
    |-- Forbidden             403  a rule of the cluster refuses it
    |-- NotFound              404
    |-- MethodNotAllowed      405  the resource has no such verb
    |-- AlreadyExists         409
    |-- Conflict              409  the object changed since you read it
    |-- Expired               410  that resourceVersion is no longer held
    |-- RequestTooLarge       413
    |-- UnsupportedMediaType  415
    |-- Invalid               422  the object breaks its schema; every cause names a field
    |-- TooManyRequests       429  retry after a while
    |-- InternalError         500
    |-- Unavailable           503  nobody answers, or the store cannot write now
    `-- Timeout               504  asked and not answered in time; the outcome is unknown

Source: Kubernetes API conventions, "Response Status Kind".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason why an object is not valid.

    `field` is the path as a user writes it (`spec.containers[0].name`), `reason` a Kubernetes cause type
    (`FieldValueInvalid`, `FieldValueRequired`, …), `message` says what was found and what would be right.
    """

    field: str
    message: str
    reason: str = "FieldValueInvalid"

    def __str__(self) -> str:
        told = not self.field or f'"{self.field}"' in self.message
        return self.message if told else f"{self.field}: {self.message}"


class ApiError(Exception):
    """A refusal with a code, a reason and a message that a person can act on."""

    code: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"

    def __init__(self, message: str, *, causes: Sequence[Cause] = (), details: Mapping[str, Any] | None = None):
        super().__init__(message)
        self.message = message
        self.causes = tuple(causes)
        self.details = dict(details or {})

    def to_status(self) -> dict[str, Any]:
        """The Kubernetes `Status` object of this error, ready for JSON."""
        status: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Status",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        details = dict(self.details)
        if self.causes:
            details["causes"] = [{"reason": c.reason, "message": c.message, "field": c.field} for c in self.causes]
        if details:
            status["details"] = details
        return status


class BadRequest(ApiError):
    """The request itself cannot be read."""

    code, reason = 400, "BadRequest"


class Forbidden(ApiError):
    """A rule of the cluster refuses the request."""

    code, reason = 403, "Forbidden"


class NotFound(ApiError):
    """There is no such object, or no such kind."""

    code, reason = 404, "NotFound"


class MethodNotAllowed(ApiError):
    """The resource has no such verb or subresource."""

    code, reason = 405, "MethodNotAllowed"


class AlreadyExists(ApiError):
    """An object of that kind and name is there already."""

    code, reason = 409, "AlreadyExists"


class Conflict(ApiError):
    """The object changed since it was read, or a precondition does not hold."""

    code, reason = 409, "Conflict"


class Expired(ApiError):
    """The asked-for resourceVersion or continue token is no longer held: list again."""

    code, reason = 410, "Expired"


class RequestTooLarge(ApiError):
    """The object or request is larger than the store takes."""

    code, reason = 413, "RequestEntityTooLarge"


class UnsupportedMediaType(ApiError):
    """The Content-Type or Accept header names a form that is not spoken here."""

    code, reason = 415, "UnsupportedMediaType"


class Invalid(ApiError):
    """The object breaks its schema or a rule of its kind; `causes` name the fields."""

    code, reason = 422, "Invalid"


class TooManyRequests(ApiError):
    """Come back later."""

    code, reason = 429, "TooManyRequests"


class InternalError(ApiError):
    """A fault of ours."""

    code, reason = 500, "InternalError"


class Unavailable(ApiError):
    """Nobody answers, or the store cannot write at the moment; nothing was changed."""

    code, reason = 503, "ServiceUnavailable"


class Timeout(ApiError):
    """No answer in time: whether the request took effect is unknown; read before you repeat it."""

    code, reason = 504, "Timeout"


_BY_REASON: dict[str, type[ApiError]] = {
    kind.reason: kind
    for kind in (
        BadRequest, Forbidden, NotFound, MethodNotAllowed, AlreadyExists, Conflict, Expired, RequestTooLarge,
        UnsupportedMediaType, Invalid, TooManyRequests, InternalError, Unavailable, Timeout,
    )
}  # fmt: skip


def from_status(status: Mapping[str, Any]) -> ApiError:
    """The error that a `Status` object tells of; an unknown reason becomes an `InternalError`."""
    kind = _BY_REASON.get(str(status.get("reason", "")), InternalError)
    details = dict(status.get("details") or {})
    causes = tuple(
        Cause(str(c.get("field", "")), str(c.get("message", "")), str(c.get("reason", "")))
        for c in details.pop("causes", ())
    )
    return kind(str(status.get("message", "unknown error")), causes=causes, details=details)

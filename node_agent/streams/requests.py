"""What clients of `down.*` ask for, read."""

from __future__ import annotations

from typing import TypeVar

from proto import codec
from proto.errors import BadRequest
from proto.objects.meta import Model

M = TypeVar("M", bound=Model)


def request_of(data: bytes, model: type[M], name: str) -> M:
    """The request that a client sent; `name` is what people call it.

    Raises:
        BadRequest: it cannot be read; the message says which field is wrong.
    """
    try:
        return codec.read_request(data, model)
    except ValueError as error:
        raise BadRequest(f"the {name} request cannot be read: {error}") from None

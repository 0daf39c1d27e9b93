"""Requests to the API as plain dicts.

Writes: requests on `sp.api.>`. Reads: their replies. Never imports pydantic: the command line starts through here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from proto import errors, subjects
from proto.bus.port import Bus, BusError, Disconnected, Message, NoResponders, RequestTimeout
from proto.catalog import Kind

REQUEST_TIMEOUT_S = 15.0
READ_ATTEMPT_S = 2.0
"""A read that is not answered in this time is asked again: its replica may have died with the request in its hands."""

_READS = ("get", "list")

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
TABLE = "application/json;as=Table"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the API answered: the object (or list, or Table) and its warnings to the user."""

    body: dict[str, Any]
    warnings: tuple[str, ...] = ()


class RawClient:
    """Speaks the API's verbs in dicts.

    `timeout_s` is how long one request may take. Reads are repeated within it; a write never is.
    """

    def __init__(self, bus: Bus, *, timeout_s: float = REQUEST_TIMEOUT_S):
        self.bus = bus
        self._timeout_s = timeout_s

    async def call(
        self,
        verb: str,
        kind: Kind,
        namespace: str = "",
        name: str = "",
        *,
        subresource: str = "",
        body: object = None,
        options: Mapping[str, str] | None = None,
        content_type: str = "",
        accept: str = "",
    ) -> Reply:
        """Send one request and return its answer.

        `body` is any JSON value (the object, the patch, or the verb's options); `options` go into the header that all
        verbs take (`dryRun`, `fieldManager`, …).

        Raises:
            errors.ApiError: what the API answered, or why no answer came.
        """
        subject = subjects.api(verb, kind, namespace, name, subresource)
        return await self.call_subject(subject, body, options=options, content_type=content_type, accept=accept)

    async def call_subject(
        self,
        subject: str,
        body: object = None,
        *,
        options: Mapping[str, str] | None = None,
        content_type: str = "",
        accept: str = "",
    ) -> Reply:
        """The same for any subject of the API, such as discovery's."""
        payload = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        headers = request_headers(options, content_type, accept)
        try:
            return read_reply(await self._ask(subject, payload, headers))
        except BusError as error:
            raise from_bus_error(error, len(payload), self.bus.max_payload_bytes) from None

    async def _ask(self, subject: str, payload: bytes, headers: dict[str, str]) -> Message:
        left_s = self._timeout_s
        while subject.removeprefix(f"{subjects.API_PREFIX}.").startswith(_READS) and left_s > READ_ATTEMPT_S:
            left_s -= READ_ATTEMPT_S
            try:
                return await self.bus.request(subject, payload, timeout_s=READ_ATTEMPT_S, headers=headers)
            except RequestTimeout:
                continue
        return await self.bus.request(subject, payload, timeout_s=left_s, headers=headers)

    async def list_all(self, kind: Kind, namespace: str = "", **list_options: Any) -> Reply:
        """A whole list, page after page, as one: `items` (or a Table's `rows`) of all pages.

        `accept` may ask for a Table; all else are ListOptions in their wire spelling.
        """
        accept = str(list_options.pop("accept", ""))
        first: dict[str, Any] | None = None
        warnings: tuple[str, ...] = ()
        token = ""
        while True:
            page = await self.call(
                "list", kind, namespace, body={**list_options, **({"continue": token} if token else {})}, accept=accept
            )
            warnings += page.warnings
            entries = "rows" if page.body.get("kind") == "Table" else "items"
            if first is None:
                first = page.body
            else:
                first[entries].extend(page.body.get(entries, ()))
            metadata = page.body.get("metadata", {})
            token = metadata.get("continue", "")
            if not token or "limit" in list_options:
                if not token:
                    first.setdefault("metadata", {}).pop("continue", None)
                    first["metadata"].pop("remainingItemCount", None)
                return Reply(first, warnings)


def request_headers(options: Mapping[str, str] | None, content_type: str, accept: str) -> dict[str, str]:
    """The headers of a request; only those that say something."""
    headers: dict[str, str] = {}
    if options:
        headers["Sp-Options"] = urlencode(options)
    if content_type:
        headers["Content-Type"] = content_type
    if accept:
        headers["Accept"] = accept
    return headers


def read_reply(message: Message) -> Reply:
    """The answer in a message.

    Raises:
        errors.ApiError: the answer is a Status of failure, or cannot be read.
    """
    try:
        body = json.loads(message.data or b"{}")
    except ValueError:
        raise errors.InternalError("the control plane's answer is not JSON") from None
    if not isinstance(body, dict):
        raise errors.InternalError("the control plane's answer is not an object")
    if body.get("kind") == "Status" and body.get("status") == "Failure":
        raise errors.from_status(body)
    warnings = message.headers.get("Sp-Warning", "")
    return Reply(body, tuple(warnings.split("\n")) if warnings else ())


def from_bus_error(error: BusError, payload_bytes: int = 0, payload_bytes_max: int = 0) -> errors.ApiError:
    """The API's word for what the bus could not do."""
    if payload_bytes_max and payload_bytes > payload_bytes_max:
        return errors.RequestTooLarge(
            f"the request has {payload_bytes} bytes, the bus takes at most {payload_bytes_max}"
        )
    if isinstance(error, NoResponders):
        return errors.Unavailable("no control plane answers on this bus; is it running?")
    if isinstance(error, RequestTimeout):
        return errors.Timeout("the control plane did not answer in time; whether the request took effect is unknown")
    if isinstance(error, Disconnected):
        return errors.Unavailable(f"no connection to the bus: {error}" if str(error) else "no connection to the bus")
    return errors.Unavailable(str(error))

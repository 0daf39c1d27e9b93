"""The few JetStream requests that the store makes, as plain requests over the bus.

Source: NATS ADR-1 (JSON API), ADR-8 (key-value), ADR-43 (message TTL).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from control_plane.store.port import StoreError, StoreUnavailable
from proto.bus.port import Bus, BusError, Headers

ANSWER_WITHIN_S = 2.0

WRONG_LAST_SEQUENCE = 10071
WRONG_LAST_SEQUENCE_CONSTANT = 10164
"""What the server says instead where the message is one of a batch."""

STREAM_NOT_FOUND = 10059
STREAM_NAME_IN_USE = 10058
NO_MESSAGE_FOUND = 10037

EXPECTED_SEQUENCE = "Nats-Expected-Last-Subject-Sequence"
TIME_TO_LIVE = "Nats-TTL"


class JetStreamRefusal(StoreError):
    """JetStream answered a request with an error."""

    def __init__(self, error: Mapping[str, Any]):
        self.code = int(error.get("code", 500))
        self.err_code = int(error.get("err_code", 0))
        super().__init__(f"{error.get('description', 'unknown error')} ({self.err_code})")

    @property
    def temporary(self) -> bool:
        """Whether the cluster cannot do it now (no leader, no quorum, starting)."""
        return self.code in (503, 408)


@dataclass(frozen=True, slots=True)
class Entry:
    """A message as the stream holds it."""

    sequence: int
    data: bytes
    headers: Headers


@dataclass(frozen=True, slots=True)
class StreamState:
    """Which stream it is (`created` tells it from an earlier one of the same name), and how far it is."""

    created: str
    last_sequence: int
    config: Mapping[str, Any]


class JetStream:
    """JetStream's API, as far as it is needed."""

    def __init__(self, bus: Bus):
        self.bus = bus

    async def ask(self, request: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One API request.

        Raises:
            StoreUnavailable: nobody answers, or the cluster cannot do it now.
            JetStreamRefusal: any other refusal.
        """
        data = json.dumps(body).encode() if body is not None else b""
        try:
            message = await self.bus.request(f"$JS.API.{request}", data, timeout_s=ANSWER_WITHIN_S)
        except BusError as error:
            raise StoreUnavailable(f"JetStream does not answer: {error}") from None
        return parse_answer(message.data)

    async def stream(self, name: str) -> StreamState:
        """The state of a stream, from its leader."""
        answer = await self.ask(f"STREAM.INFO.{name}")
        return StreamState(str(answer["created"]), int(answer["state"]["last_seq"]), answer["config"])

    async def ensure_stream(self, config: Mapping[str, Any]) -> StreamState:
        """Create a stream, or bring an existing one to `config`."""
        name = config["name"]
        try:
            held = await self.stream(name)
        except JetStreamRefusal as refusal:
            if refusal.err_code != STREAM_NOT_FOUND:
                raise
            return await self._create_stream(config)
        if any(held.config.get(option) != value for option, value in config.items()):
            await self.ask(f"STREAM.UPDATE.{name}", {**held.config, **config})
        return held

    async def last_entry(self, stream: str, subject: str) -> Entry | None:
        """The last message on a subject, read from the stream's leader, so that it is never stale."""
        try:
            answer = await self.ask(f"STREAM.MSG.GET.{stream}", {"last_by_subj": subject})
        except JetStreamRefusal as refusal:
            if refusal.err_code == NO_MESSAGE_FOUND:
                return None
            raise
        message = answer["message"]
        data = base64.b64decode(message.get("data", ""))
        return Entry(int(message["seq"]), data, parse_headers(base64.b64decode(message.get("hdrs", ""))))

    async def _create_stream(self, config: Mapping[str, Any]) -> StreamState:
        try:
            await self.ask(f"STREAM.CREATE.{config['name']}", config)
        except JetStreamRefusal as refusal:
            if refusal.err_code != STREAM_NAME_IN_USE:  # Another replica was faster.
                raise
        return await self.stream(config["name"])


def parse_answer(data: bytes) -> dict[str, Any]:
    """The JSON of an answer or acknowledgement.

    Raises:
        StoreUnavailable | JetStreamRefusal: it tells an error.
    """
    try:
        answer = json.loads(data)
    except ValueError:
        raise StoreUnavailable("JetStream gave an answer that is not JSON") from None
    if "error" in answer:
        refusal = JetStreamRefusal(answer["error"])
        if refusal.temporary:
            raise StoreUnavailable(f"JetStream cannot do it now: {refusal}")
        raise refusal
    return dict(answer)


def parse_headers(raw: bytes) -> dict[str, str]:
    """The headers of a stored message."""
    lines = (line.partition(":") for line in raw.decode("utf-8", "replace").split("\r\n")[1:] if line)
    return {name.strip(): value.strip() for name, _, value in lines}

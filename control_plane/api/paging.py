"""Lists in pages: what a continue token says, and the rest of a list that is being read.

A list is taken at one revision and then read page by page. The replica that took it keeps the rest (references to
shared objects, so this is small) for a while; the token names it. A token that another replica gets, or that comes too
late, is continued from what is there *now*, behind the last name that was read. Both kinds of page carry the revision
of the first page, so that a watch from there tells everything that the reader may have missed or seen too early.

Reads and writes: itself. Source: Kubernetes API concepts, "Retrieving large results sets in chunks".
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from control_plane.api.options import Selection
from proto.catalog import Kind
from proto.clock import Clock
from proto.errors import BadRequest, Expired
from proto.objects.meta import Object
from proto.selectors import format_label_selector

KEPT_MAX = 64
KEPT_S = 60.0


class Token(NamedTuple):
    """Where a list goes on: behind `namespace`/`name`, which is item `start` of the list `taken` at `revision`.

    `asked` says what the list is of (see `digest`): a token continues no other list.
    """

    revision: int
    namespace: str
    name: str
    taken: str
    start: int
    asked: str

    def encode(self) -> str:
        """The token as users pass it."""
        return base64.urlsafe_b64encode(json.dumps(list(self)).encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str, asked: str) -> Token:
        """The token that `encode` made, for the list that `asked` is the digest of.

        Raises:
            BadRequest: it did not, or for another list.
        """
        try:
            fields = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
            if [type(field) for field in fields] != [int, str, str, str, int, str]:
                raise ValueError
        except (ValueError, TypeError, RecursionError):
            raise BadRequest(f'continue: "{text:.60}" is not a token that a list gave') from None
        token = cls(*fields)
        if token.asked != asked:
            raise BadRequest("continue: the token is of another list, ask with the same kind, namespace and selectors")
        return token


class Page(NamedTuple):
    """A list that is being read: its `items` from `start` on are still to come."""

    revision: int
    taken: str
    asked: str
    items: Sequence[Object]
    start: int = 0

    def token(self, count: int) -> Token:
        """Where the list goes on when `count` items of this page were read."""
        last = self.items[self.start + count - 1].metadata
        return Token(self.revision, last.namespace, last.name, self.taken, self.start + count, self.asked)


class Lists:
    """The lists that are being read at this replica; the oldest make room."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, Page]] = OrderedDict()

    def keep(self, page: Page) -> None:
        """Keep a list whose first page did not hold all of it."""
        now_s = self._clock.monotonic_s()
        while self._kept and (len(self._kept) >= KEPT_MAX or next(iter(self._kept.values()))[0] < now_s - KEPT_S):
            self._kept.popitem(last=False)
        self._kept[page.taken] = (now_s, page)

    def page(self, token: Token) -> Page | None:
        """Where that list goes on, if it is kept here; it stays kept, because an answer may be lost and asked again."""
        kept_s, page = self._kept.get(token.taken, (0.0, None))
        if page is None or page.asked != token.asked or kept_s < self._clock.monotonic_s() - KEPT_S:
            return None
        if not 0 <= token.start <= len(page.items):
            return None
        return page._replace(start=token.start)


def digest(kind: Kind, namespace: str, selection: Selection) -> str:
    """What a list is of, the same at every replica: kind, namespace and selectors."""
    asked = (kind.qualified_resource, namespace, format_label_selector(selection.labels), selection.fields)
    return hashlib.blake2b(repr(asked).encode(), digest_size=9).hexdigest()


def expired() -> Expired:
    """The refusal of a token that is too old to be continued."""
    return Expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter."
    )

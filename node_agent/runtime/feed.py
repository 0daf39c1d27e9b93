"""A bounded, level-based stream of container changes, shared by the drivers.

Each subscriber has one slot per container, so a slow one holds at most one pending state of each: older
ones are overtaken, the newest never is. That bounds memory without dropping what matters.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

from node_agent.runtime.port import Changed, ContainerState, Relisted, RuntimeEvent


class _Subscription:
    """What one subscriber has not seen yet."""

    def __init__(self) -> None:
        self.relisted: tuple[ContainerState, ...] | None = None
        self.pending: dict[str, ContainerState] = {}
        self.closed = False
        self.wake = asyncio.Event()

    def take(self) -> list[RuntimeEvent]:
        """Everything pending, the listing first, since changes follow upon it."""
        events: list[RuntimeEvent] = [] if self.relisted is None else [Relisted(self.relisted)]
        events += [Changed(state) for state in self.pending.values()]
        self.relisted, self.pending = None, {}
        self.wake.clear()
        return events


class Feed:
    """Fans changes out to any number of `events` iterators."""

    def __init__(self) -> None:
        self._subscriptions: list[_Subscription] = []

    def publish(self, state: ContainerState) -> None:
        """Tells every subscriber that this container changed."""
        for subscription in self._subscriptions:
            subscription.pending.pop(state.id, None)
            subscription.pending[state.id] = state
            subscription.wake.set()

    def forget(self, container_id: str) -> None:
        """Drops what is pending about a container that was removed."""
        for subscription in self._subscriptions:
            subscription.pending.pop(container_id, None)
            if subscription.relisted is not None:
                subscription.relisted = tuple(s for s in subscription.relisted if s.id != container_id)

    def relist(self, states: Iterable[ContainerState]) -> None:
        """Tells every subscriber that these are all containers; pending changes are overtaken."""
        listing = tuple(states)
        for subscription in self._subscriptions:
            subscription.relisted, subscription.pending = listing, {}
            subscription.wake.set()

    def close(self) -> None:
        """Ends every iterator after what is pending."""
        for subscription in self._subscriptions:
            subscription.closed = True
            subscription.wake.set()

    async def subscribe(self, listing: Callable[[], Iterable[ContainerState]]) -> AsyncIterator[RuntimeEvent]:
        """Yields a first listing, then what is published, until the feed is closed.

        `listing` is called when iteration begins, so that nothing falls between the listing and the first
        change.
        """
        subscription = _Subscription()
        subscription.relisted = tuple(listing())
        self._subscriptions.append(subscription)
        try:
            while True:
                events = subscription.take()
                for event in events:
                    yield event
                if subscription.closed and not events:
                    return
                if not events:
                    await subscription.wake.wait()
        finally:
            self._subscriptions.remove(subscription)

"""Callbacks that wait for something that happens once. *Never*: keeps any of them afterwards."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Waiters(Generic[T]):
    """Those who want to be told of one outcome, before it is known or later."""

    __slots__ = ("_outcome", "_waiting")

    def __init__(self) -> None:
        self._waiting: list[Callable[[T], object]] = []
        self._outcome: tuple[T] | None = None

    def add(self, tell: Callable[[T], object]) -> None:
        """Calls back with the outcome, at once if it is known."""
        if self._outcome is None:
            self._waiting.append(tell)
        else:
            tell(*self._outcome)

    def tell(self, outcome: T) -> None:
        """It is known; told again, only who came since is called back."""
        self._outcome = (outcome,)
        waiting, self._waiting = self._waiting, []
        for tell in waiting:
            tell(outcome)

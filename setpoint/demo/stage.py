"""Shows the demo: a live table at a terminal, plain lines elsewhere.

Writes: standard output. Never: decides what is shown; the story hands it marks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from setpoint.demo.marks import Mark

REFRESH_S = 0.1

Marks = Callable[[], Sequence[Mark]]


class Stage:
    """Where the story is told. `plain` shows lines even at a terminal."""

    def __init__(self, *, plain: bool = False, console: Console | None = None):
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._plain = plain or not self._console.is_terminal

    def act(self, title: str) -> None:
        """Begin an act."""
        self._console.print(f"\n[bold]{title}[/bold]")

    def say(self, line: str) -> None:
        """Say one thing."""
        self._console.print(f"  {line}")

    def found(self, what: str, *, ok: bool) -> None:
        """Say what was found, and whether it is what was promised."""
        self._console.print(f"  [green]✔[/green] {what}" if ok else f"  [red]✘ {what}[/red]")

    @contextmanager
    def timeline(self, marks: Marks, elapsed_s: Callable[[], float]) -> Iterator[None]:
        """Show `marks()` as they become known, for the length of the block."""
        following = self._print_marks(marks) if self._plain else self._draw_marks(marks, elapsed_s)
        with following as refresh:
            task = asyncio.get_running_loop().create_task(_repeat(refresh))
            try:
                yield
            finally:
                task.cancel()
                refresh()

    @contextmanager
    def _print_marks(self, marks: Marks) -> Iterator[Callable[[], None]]:
        told: set[str] = set()

        def refresh() -> None:
            for mark in marks():
                if mark.complete and mark.what not in told:
                    told.add(mark.what)
                    self._console.print(f"  {mark.when:>20}  {_counted(mark)}")

        yield refresh

    @contextmanager
    def _draw_marks(self, marks: Marks, elapsed_s: Callable[[], float]) -> Iterator[Callable[[], None]]:
        with Live(console=self._console, auto_refresh=False) as live:
            yield lambda: live.update(_table(marks(), elapsed_s()), refresh=True)


async def _repeat(refresh: Callable[[], None]) -> None:
    while True:
        refresh()
        await asyncio.sleep(REFRESH_S)


def _table(marks: Sequence[Mark], elapsed_s: float) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 2), show_header=False)
    table.add_column(justify="right")
    table.add_column()
    for mark in marks:
        style = "green" if mark.complete else "yellow" if mark.seen else "dim"
        table.add_row(mark.when, f"[{style}]{_counted(mark)}[/{style}]")
    if not all(mark.complete for mark in marks):
        table.add_row(f"[dim]{elapsed_s:+.1f} s[/dim]", "[dim]now[/dim]")
    return table


def _counted(mark: Mark) -> str:
    return f"{mark.what} ({mark.seen} of {mark.wanted})" if mark.wanted != 1 or not mark.complete else mark.what

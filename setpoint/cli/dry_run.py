"""`--dry-run`: the flag, what it asks of the API, and the words about it behind an outcome.

Reads the call's arguments. Writes nothing.
"""

from __future__ import annotations

import argparse

NOTES = {"none": "", "client": " (dry run)", "server": " (server dry run)"}
"""What stands behind an outcome that was only tried."""


def add_dry_run_argument(parser: argparse.ArgumentParser, *, client: bool = False) -> None:
    """Whether to change anything; with `client` it may also stay with the client."""
    choices = tuple(NOTES) if client else ("none", "server")
    words = "server: let the cluster check it, and change nothing"
    parser.add_argument(
        "--dry-run", choices=choices, default="none", help=f"client: only tell; {words}" if client else words
    )


def api_options(dry_run: str) -> dict[str, str] | None:
    """The options of a request that the cluster is to check only."""
    return {"dryRun": "All"} if dry_run == "server" else None

"""What is wrong with a call, said to a person in one line."""

from __future__ import annotations


class CliError(Exception):
    """The call cannot be carried out; the message says what was found and what would be right."""

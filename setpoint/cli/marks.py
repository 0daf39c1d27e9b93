"""`setpoint label` and `setpoint annotate`: set, change, list and remove the marks on objects.

Two verbs with one way of working; which marks it is about stands in `options.marks`. Source: kubectl `pkg/cmd/label`.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from proto.client.raw import RawClient
from proto.errors import ApiError
from setpoint.cli.dry_run import NOTES, add_dry_run_argument, api_options
from setpoint.cli.errors import CliError
from setpoint.cli.selection import Chosen, add_selection_arguments, chosen
from setpoint.cli.session import add_cluster_arguments, connect, warn

Marks = dict[str, str | None]
"""Key to value; None: to be removed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of both verbs."""
    add_cluster_arguments(parser)
    add_selection_arguments(parser)
    parser.add_argument("--overwrite", action="store_true", help="change marks that are there already")
    parser.add_argument("--list", action="store_true", help="print the marks")
    parser.add_argument("--resource-version", default="", help="only if the object is of this revision")
    add_dry_run_argument(parser)


async def mark(options: argparse.Namespace, field: str) -> int:
    """Mark every object that is meant; 1 if any was refused."""
    options.resource, marks = split(options.resource)
    if not marks and not options.list:
        raise CliError(f"say which {field} to set: KEY=VALUE, or KEY- to remove it")
    word = "labeled" if field == "labels" else "annotated"
    failed = 0
    async with connect(options) as client:
        for each in await chosen(client, options):
            try:
                await _mark_one(client, each, field, marks, word, options)
            except (ApiError, CliError) as error:
                failed += 1
                print(f"setpoint {field.removesuffix('s')}: {error}", file=sys.stderr)
    return 1 if failed else 0


def split(words: list[str]) -> tuple[list[str], Marks]:
    """The objects' names and the marks among the words of a call.

    Raises:
        CliError: a word behind the first mark is none, or one key is to be set and removed.
    """
    marks: Marks = {}
    names: list[str] = []
    for word in words:
        key, equals, value = word.partition("=")
        removal = not equals and word.endswith("-") and (names or "/" in word)
        if not equals and not removal:
            if marks:
                raise CliError(f'"{word}" is neither KEY=VALUE nor KEY-')
            names.append(word)
            continue
        key = key.removesuffix("-") if removal else key
        if not key:
            raise CliError(f'"{word}" has no key')
        if key in marks and (marks[key] is None) != removal:
            raise CliError(f'"{key}" cannot be both set and removed')
        marks[key] = None if removal else value
    return names, marks


async def _mark_one(
    client: RawClient, each: Chosen, field: str, marks: Marks, word: str, options: argparse.Namespace
) -> None:
    metadata: dict[str, Any] = (await client.call("get", each.kind, each.namespace, each.name)).body["metadata"]
    present: dict[str, str] = metadata.get(field, {})
    for key, value in marks.items():
        if value is not None and present.get(key, value) != value and not options.overwrite:
            raise CliError(f"'{key}' already has a value ({present[key]}), and --overwrite is false")
        if value is None and key not in present:
            print(f"{field.removesuffix('s')} {key!r} not found.".replace("'", '"'), file=sys.stderr)
    changes = {key: value for key, value in marks.items() if present.get(key) != value}
    if changes:
        body: dict[str, Any] = {"metadata": {field: changes}}
        if options.resource_version:
            body["metadata"]["resourceVersion"] = options.resource_version
        dry = api_options(options.dry_run)
        reply = await client.call("patch", each.kind, each.namespace, each.name, body=body, options=dry)
        warn(reply.warnings)
        present = reply.body["metadata"].get(field, {})
    if options.list:
        print("\n".join(f"{key}={value}" for key, value in sorted(present.items())))
        return
    done = f"not {word}" if not changes else "un" + word if None in changes.values() and len(changes) == 1 else word
    print(f"{each} {done}{NOTES[options.dry_run]}")

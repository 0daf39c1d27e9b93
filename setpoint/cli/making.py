"""Making an object that was put together from flags: created, or only shown (`--dry-run`). For `create` and `run`."""

from __future__ import annotations

import argparse
from typing import Any

from proto.catalog import BY_KIND, Kind
from setpoint.cli.dry_run import NOTES, add_dry_run_argument, api_options
from setpoint.cli.errors import CliError
from setpoint.cli.output import print_objects
from setpoint.cli.resources import display
from setpoint.cli.session import connect, warn

Item = dict[str, Any]


def add_making_arguments(parser: argparse.ArgumentParser) -> None:
    """--dry-run and -o."""
    add_dry_run_argument(parser, client=True)
    parser.add_argument("-o", "--output", choices=("json", "yaml", "name"), default="", help="print the object")


async def make(options: argparse.Namespace, body: Item) -> int:
    """Create `body`, or show it."""
    kind = kind_named(body["kind"])
    if kind.namespaced:
        body["metadata"].setdefault("namespace", options.namespace)
    if options.dry_run != "client":
        async with connect(options) as client:
            namespace = body["metadata"].get("namespace", "")
            reply = await client.call("create", kind, namespace, body=body, options=api_options(options.dry_run))
        warn(reply.warnings)
        body = reply.body
    if options.output:
        print_objects([body], options.output, as_list=False)
    else:
        print(f"{display(kind, body['metadata']['name'])} created{NOTES[options.dry_run]}")
    return 0


def kind_named(name: str) -> Kind:
    """The catalog's entry.

    Raises:
        CliError: this cluster's version has no such kind.
    """
    if name not in BY_KIND:
        raise CliError(f"there is no kind {name}; `setpoint api-resources` lists what there is")
    return BY_KIND[name]


def manifest(kind: str, name: str, **parts: Any) -> Item:
    """The beginning of every object."""
    found = kind_named(kind)
    return {"apiVersion": found.api_version, "kind": kind, "metadata": {"name": name}, **parts}


def container(name: str, options: argparse.Namespace, *, as_command: bool = True) -> Item:
    """The program that the flags describe.

    Raises:
        CliError: there is neither a command nor an image.
    """
    if not options.command and not options.image:
        raise CliError("say what to run: -- COMMAND [ARGUMENTS], or --image")
    found: Item = {"name": name}
    if options.image:
        found["image"] = options.image
    if options.command:
        found["command" if as_command or not options.image else "args"] = options.command
    return found


def pairs(texts: list[str], flag: str) -> dict[str, str]:
    """`KEY=VALUE` of a flag that may be repeated.

    Raises:
        CliError: one is not of that form, or a key is there twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise CliError(f'{flag}: must be KEY=VALUE, found "{text}"')
        if key in found:
            raise CliError(f'{flag}: "{key}" is there twice')
        found[key] = value
    return found


def comma_pairs(text: str, flag: str) -> dict[str, str]:
    """`KEY=VALUE,KEY=VALUE`."""
    return pairs([part for part in text.split(",") if part], flag)

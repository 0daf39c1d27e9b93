"""The objects that a call is about: named on the command line, chosen by label, or described in files.

Reads: the call's arguments, lists of the cluster. Writes nothing. Shared by the verbs that change or await objects.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from proto.catalog import Kind
from proto.client.raw import RawClient
from setpoint.cli.apply import add_manifest_arguments, identify, read_manifests
from setpoint.cli.errors import CliError
from setpoint.cli.resources import display, namespace_for, parse_targets

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chosen:
    """One object that is meant. `manifest`: how a file describes it, None where it was named or chosen."""

    kind: Kind
    namespace: str
    name: str
    manifest: Item | None = None

    def __str__(self) -> str:
        return display(self.kind, self.name)


def add_selection_arguments(parser: argparse.ArgumentParser, *, files: bool = True) -> None:
    """KIND NAME, -l, --all, -A and -f."""
    parser.add_argument("resource", nargs="*", help="KIND NAME…, KIND/NAME…, or KIND with --selector or --all")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="in every namespace")
    parser.add_argument("-l", "--selector", default="", help="those with these labels")
    parser.add_argument("--all", action="store_true", help="all of the kind")
    if files:
        add_manifest_arguments(parser, required=False)


async def chosen(client: RawClient, options: argparse.Namespace) -> list[Chosen]:
    """The objects that are meant; whether named ones are there is not looked at.

    Raises:
        CliError: the call does not say, or says two things at once.
    """
    files = getattr(options, "filename", [])
    if bool(files) == bool(options.resource):
        raise CliError(
            "say which objects: KIND NAME, KIND/NAME" + (", or -f FILE" if hasattr(options, "filename") else "")
        )
    if files:
        namespace = "" if options.namespace == "default" else options.namespace
        manifests = read_manifests(files, options.recursive)
        return [Chosen(*identify(raw, namespace), manifest=raw) for raw in manifests]
    if (options.selector or options.all) and any(name for _, name in parse_targets(options.resource)):
        raise CliError("name the objects, or choose them with --selector or --all, not both")
    return await named_or_listed(client, options)


async def named_or_listed(client: RawClient, options: argparse.Namespace, *, purpose: str = "") -> list[Chosen]:
    """The objects that the words of a call name, and of kinds without a name those that its flags choose.

    Raises:
        CliError: neither a name nor a flag chooses; `purpose`, such as " to delete", is what the message says of it.
    """
    found: list[Chosen] = []
    for kind, name in parse_targets(options.resource):
        namespace = namespace_for(kind, options)
        if not name:
            found += await _listed(client, kind, namespace, options, purpose)
        elif kind.namespaced and not namespace:
            raise CliError("a name is unique in its namespace only: leave out --all-namespaces")
        else:
            found.append(Chosen(kind, namespace, name))
    return found


async def _listed(
    client: RawClient, kind: Kind, namespace: str, options: argparse.Namespace, purpose: str
) -> list[Chosen]:
    if not options.selector and not options.all:
        raise CliError(f"name the {kind.resource}{purpose}, choose them with --selector, or say --all")
    wanted = {"labelSelector": options.selector} if options.selector else {}
    listed = (await client.list_all(kind, namespace, **wanted)).body
    return [
        Chosen(kind, item["metadata"].get("namespace", ""), item["metadata"]["name"])
        for item in listed.get("items", ())
    ]

"""`setpoint api-resources`: the kinds of objects, with their aliases. Reads the catalog alone; asks no cluster."""

from __future__ import annotations

import argparse

from proto.catalog import KINDS
from setpoint.cli.output import columns, print_lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        "-o", "--output", choices=("table", "wide", "name"), default="table", help="default: %(default)s"
    )
    parser.add_argument("--namespaced", choices=("true", "false"), help="only kinds that live in namespaces, or do not")
    parser.add_argument("--api-group", metavar="GROUP", help='only kinds of this group, such as apps; "" for the core')
    parser.add_argument("--sort-by", choices=("name", "kind"), help="default: by group")
    parser.add_argument("--no-headers", action="store_true", help="print no line of titles")


def run(options: argparse.Namespace) -> int:
    """Print the table."""
    kinds = [kind for kind in KINDS if options.namespaced in (None, str(kind.namespaced).lower())]
    if options.api_group is not None:
        kinds = [kind for kind in kinds if kind.group == options.api_group]
    if options.sort_by:
        kinds.sort(key=lambda kind: kind.resource if options.sort_by == "name" else kind.kind)
    if options.output == "name":
        print_lines(kind.qualified_resource for kind in kinds)
        return 0
    rows = [
        [kind.resource, ",".join(kind.short_names), kind.api_version, str(kind.namespaced).lower(), kind.kind]
        for kind in kinds
    ]
    header = ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"]
    if options.output == "wide":
        header.append("SUBRESOURCES")
        rows = [[*row, ",".join(kind.subresources)] for row, kind in zip(rows, kinds, strict=True)]
    print_lines(columns(rows if options.no_headers else [header, *rows]))
    return 0

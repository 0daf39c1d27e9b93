"""`setpoint get`: list objects, show some, or follow their changes.

The table is computed by the control plane, so this verb needs no models and starts fast; only `--watch` prints rows
by itself, from `proto.printing`.
"""

from __future__ import annotations

import argparse
from typing import Any

from proto.client.raw import TABLE, RawClient
from proto.errors import NotFound
from setpoint.cli.errors import CliError
from setpoint.cli.output import FORMATS, columns, print_lines, print_objects, table_rows
from setpoint.cli.resources import Target, namespace_for, parse_targets
from setpoint.cli.session import add_cluster_arguments, connect, warn


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    parser.add_argument("resource", nargs="+", help="KIND, KIND NAME…, KIND/NAME… or KIND,KIND; `all` for workloads")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="look into every namespace")
    parser.add_argument(
        "-o", "--output", type=form, default="table", help=f"{', '.join(FORMATS)}, jsonpath=…, custom-columns=…"
    )
    parser.add_argument("-l", "--selector", default="", help="a label selector, such as app=web,tier!=db")
    parser.add_argument("--field-selector", default="", help="a field selector, such as status.phase=Running")
    parser.add_argument("-w", "--watch", action="store_true", help="go on with every change")
    parser.add_argument("--sort-by", default="", metavar="JSONPATH", help="such as .metadata.creationTimestamp")
    parser.add_argument("--show-labels", action="store_true", help="a last column with all labels")
    parser.add_argument(
        "-L",
        "--label-columns",
        action="append",
        default=[],
        metavar="LABEL",
        help="a column for a label; may be repeated",
    )
    parser.add_argument("--ignore-not-found", action="store_true", help="nothing to print is no error")
    parser.add_argument("--no-headers", action="store_true", help="print no line of titles")


async def run(options: argparse.Namespace) -> int:
    """List, show or follow."""
    targets = parse_targets(options.resource)
    if options.selector and any(target.name for target in targets):
        raise CliError("a selector chooses among all objects of a kind: leave out either --selector or the name")
    if options.watch and len({target.kind.resource for target in targets}) > 1:
        raise CliError("--watch follows one kind at a time")
    async with connect(options) as client:
        if options.watch:
            from setpoint.cli.watching import follow

            return await follow(client, targets, options)
        if options.output in ("table", "wide"):
            return await _print_tables(client, targets, options)
        return await _print_raw(client, targets, options)


def form(text: str) -> str:
    """A form of output.

    Raises:
        argparse.ArgumentTypeError: there is none of that name, or its template cannot be read.
    """
    name, equals, template = text.partition("=")
    if not equals and name in FORMATS:
        return text
    if name in ("jsonpath", "custom-columns") and template:
        from setpoint.cli import templates

        try:
            templates.check(name, template)
        except CliError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return text
    known = ", ".join((*FORMATS, "jsonpath=TEMPLATE", "custom-columns=TITLE:PATH,…"))
    raise argparse.ArgumentTypeError(f'must be one of {known}, found "{text}"')


def selectors(options: argparse.Namespace) -> dict[str, str]:
    """The ListOptions of a call."""
    chosen = {"labelSelector": options.selector, "fieldSelector": options.field_selector}
    return {name: text for name, text in chosen.items() if text}


async def _print_tables(client: RawClient, targets: list[Target], options: argparse.Namespace) -> int:
    tables: list[tuple[Target, dict[str, Any]]] = []
    failures: list[NotFound] = []
    for target in targets:
        namespace = namespace_for(target.kind, options)
        try:
            if target.name:
                reply = await client.call("get", target.kind, namespace, target.name, accept=TABLE)
            else:
                reply = await client.list_all(target.kind, namespace, accept=TABLE, **selectors(options))
        except NotFound as missing:
            failures.append(missing)
            continue
        warn(reply.warnings)
        with_labels(reply.body, options)
        if options.sort_by:
            await _sort_rows(client, target, reply.body, options)
        _merge(tables, target, reply.body)
    several = len({target.kind.resource for target in targets}) > 1
    printed = 0
    for target, table in tables:
        header, rows = table_rows(
            table, wide=options.output == "wide", with_namespace=options.all_namespaces and target.kind.namespaced
        )
        if several:
            rows = [_with_kind(row, target, options.all_namespaces) for row in rows]
        if rows:
            if printed:
                print()
            print_lines(columns(rows if options.no_headers else [header, *rows]))
            printed += 1
    if not printed and not failures:
        where = "" if options.all_namespaces or not targets[0].kind.namespaced else f" in {options.namespace} namespace"
        warn_nothing(f"No resources found{where}.")
    return 0 if options.ignore_not_found else report(failures)


def with_labels(table: dict[str, Any], options: argparse.Namespace) -> None:
    """Add the columns for labels to a Table."""
    titles = [label.rpartition("/")[2] for label in options.label_columns]
    for title in [*titles, *(["Labels"] if options.show_labels else [])]:
        table["columnDefinitions"].append({"name": title, "type": "string", "priority": 0})
    for row in table.get("rows", ()) if options.label_columns or options.show_labels else ():
        labels = row.get("object", {}).get("metadata", {}).get("labels", {})
        row["cells"] += [labels.get(label, "") for label in options.label_columns]
        if options.show_labels:
            row["cells"].append(",".join(f"{key}={value}" for key, value in sorted(labels.items())))


async def _sort_rows(client: RawClient, target: Target, table: dict[str, Any], options: argparse.Namespace) -> None:
    """Bring the rows of a Table into the order that a field of the objects gives."""
    from setpoint.cli.templates import sort_key

    if target.name:
        return
    listed = await client.list_all(target.kind, namespace_for(target.kind, options), **selectors(options))
    keys = {item["metadata"]["uid"]: sort_key(options.sort_by, item) for item in listed.body.get("items", ())}
    last = sort_key(options.sort_by, {})
    table.get("rows", []).sort(key=lambda row: keys.get(row["object"]["metadata"].get("uid", ""), last))


def _merge(tables: list[tuple[Target, dict[str, Any]]], target: Target, table: dict[str, Any]) -> None:
    if tables and tables[-1][0].kind is target.kind:
        tables[-1][1].setdefault("rows", []).extend(table.get("rows", ()))
    else:
        tables.append((target, table))


def _with_kind(row: list[str], target: Target, all_namespaces: bool) -> list[str]:
    at = 1 if all_namespaces and target.kind.namespaced else 0
    kind = target.kind
    prefix = f"{kind.singular}.{kind.group}" if kind.group else kind.singular
    return [*row[:at], f"{prefix}/{row[at]}", *row[at + 1 :]]


async def _print_raw(client: RawClient, targets: list[Target], options: argparse.Namespace) -> int:
    objects: list[dict[str, Any]] = []
    failures: list[NotFound] = []
    for target in targets:
        namespace = namespace_for(target.kind, options)
        try:
            if target.name:
                objects.append((await client.call("get", target.kind, namespace, target.name)).body)
                continue
            listed = await client.list_all(target.kind, namespace, **selectors(options))
        except NotFound as missing:
            failures.append(missing)
            continue
        identity = {"apiVersion": target.kind.api_version, "kind": target.kind.kind}
        objects.extend({**identity, **item} for item in listed.body.get("items", ()))
    single = len(targets) == 1 and bool(targets[0].name)
    if options.sort_by:
        from setpoint.cli.templates import sort_key

        objects.sort(key=lambda item: sort_key(options.sort_by, item))
    if (objects or not single) and "=" in options.output:
        from setpoint.cli import templates

        templates.print_objects(objects, options.output, as_list=not single, titled=not options.no_headers)
    elif objects or not single:
        print_objects(objects, options.output, as_list=not single)
    return 0 if options.ignore_not_found else report(failures)


def warn_nothing(message: str) -> None:
    """Say on stderr that there is nothing to print."""
    import sys

    print(message, file=sys.stderr)


def report(failures: list[NotFound]) -> int:
    """One line for each object that was asked for and is not there; the exit status."""
    for failure in failures:
        warn_nothing(f"setpoint get: {failure.message}")
    return 1 if failures else 0

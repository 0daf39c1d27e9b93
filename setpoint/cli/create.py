"""`setpoint create`: objects from manifests (`-f`), or simple ones from flags (`create deployment web -- serve`).

How each kind is put together stands in `setpoint.cli.creating`. There is no `expose`: there are no services yet.
"""

from __future__ import annotations

import argparse
import sys

from proto.errors import ApiError
from setpoint.cli import creating
from setpoint.cli.apply import add_manifest_arguments, some_manifests
from setpoint.cli.dry_run import NOTES, api_options
from setpoint.cli.errors import CliError
from setpoint.cli.making import add_making_arguments, make
from setpoint.cli.session import add_cluster_arguments, connect, warn


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """-f, or a kind with its flags."""
    add_cluster_arguments(parser)
    add_manifest_arguments(parser, required=False)
    add_making_arguments(parser)
    kinds = parser.add_subparsers(dest="kind", metavar="KIND")
    for name in creating.available():
        simple = creating.SIMPLE[name]
        subverb = kinds.add_parser(name, aliases=simple.aliases, help=simple.summary, description=simple.summary)
        add_cluster_arguments(subverb)
        add_making_arguments(subverb)
        subverb.add_argument("name", help="its name")
        simple.add_arguments(subverb)
        subverb.set_defaults(simple=simple)


async def run(options: argparse.Namespace) -> int:
    """Create what the files or the flags describe; 1 if any was refused."""
    if options.kind:
        if options.filename:
            raise CliError("say either -f FILE or KIND NAME")
        return await make(options, await options.simple.build(options))
    if not options.filename:
        raise CliError(f"say what to create: -f FILE, or one of {', '.join(creating.available())}")
    manifests = some_manifests(options)
    return await _create_all(manifests, options)


async def _create_all(manifests: list[dict[str, object]], options: argparse.Namespace) -> int:
    from setpoint.cli.apply import identify
    from setpoint.cli.output import object_name, print_lines, print_objects
    from setpoint.cli.resources import display

    namespace = "" if options.namespace == "default" else options.namespace
    failed = 0
    made: list[dict[str, object]] = []
    async with connect(options) as client:
        for raw in manifests:
            try:
                kind, where, name = identify(raw, namespace)
                if options.dry_run == "client":
                    made.append(raw)
                    continue
                reply = await client.call("create", kind, where, body=raw, options=api_options(options.dry_run))
            except (ApiError, CliError) as error:
                failed += 1
                print(f"setpoint create: {error}", file=sys.stderr)
                continue
            warn(reply.warnings)
            made.append(reply.body)
            if not options.output:
                print(f"{display(kind, name)} created{NOTES[options.dry_run]}", flush=True)
    if made and options.output:
        print_objects(made, options.output, as_list=len(made) > 1)
    elif options.dry_run == "client":
        print_lines(f"{object_name(raw)} created{NOTES['client']}" for raw in made)
    return 1 if failed else 0

"""The entry point `setpoint`: finds the verb, runs it, and turns every failure into one line and an exit status.

Reads: the command's arguments. Writes: stderr, the exit status. Never: imports a verb that was not asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

from proto.errors import ApiError
from setpoint.cli.errors import CliError
from setpoint.cli.parser import FAILED, OneLineParser, parse


class Verb(NamedTuple):
    """Where a verb lives and what it does, in one line."""

    module: str
    summary: str


VERBS: dict[str, Verb] = {
    "up": Verb("setpoint.up", "start a cluster on this machine, in the foreground"),
    "demo": Verb("setpoint.demo", "pull the plug of one of five machines and watch its work move"),
    "apply": Verb("setpoint.cli.apply", "create or change objects from manifests"),
    "plan": Verb("setpoint.cli.plan", "tell what an apply would change, and where pods would be placed"),
    "diff": Verb("setpoint.cli.diff", "tell what an apply would change, field by field"),
    "create": Verb("setpoint.cli.create", "create objects from manifests, or simple ones from flags"),
    "run": Verb("setpoint.cli.run_pod", "run one program as a pod"),
    "get": Verb("setpoint.cli.get", "list objects, or show some"),
    "describe": Verb("setpoint.cli.describe", "tell all about an object, with its events"),
    "explain": Verb("setpoint.cli.explain", "tell what the fields of a kind mean"),
    "edit": Verb("setpoint.cli.edit", "change objects in an editor"),
    "set": Verb("setpoint.cli.set", "change the image, environment or resources of programs"),
    "label": Verb("setpoint.cli.label", "set or remove labels"),
    "annotate": Verb("setpoint.cli.annotate", "set or remove annotations"),
    "patch": Verb("setpoint.cli.patch", "change fields of an object by a patch"),
    "replace": Verb("setpoint.cli.replace", "write objects in the place of those there are"),
    "delete": Verb("setpoint.cli.delete", "delete objects"),
    "logs": Verb("setpoint.cli.logs", "print the output of a pod"),
    "exec": Verb("setpoint.cli.execute", "run a command in a container"),
    "attach": Verb("setpoint.cli.attach", "talk with the program of a container"),
    "cp": Verb("setpoint.cli.cp", "copy files into a container, or out of it"),
    "port-forward": Verb("setpoint.cli.port_forward", "lead local ports to a program in a pod"),
    "ps": Verb("setpoint.cli.ps", "list the processes of pods"),
    "top": Verb("setpoint.cli.top", "show what nodes or pods use"),
    "scale": Verb("setpoint.cli.scale", "set the number of replicas"),
    "rollout": Verb("setpoint.cli.rollout", "follow, hold, undo and restart rollouts"),
    "wait": Verb("setpoint.cli.wait", "wait until objects have a condition, are there or are gone"),
    "cordon": Verb("setpoint.cli.cordon", "keep new pods away from a node"),
    "uncordon": Verb("setpoint.cli.uncordon", "let new pods onto a node again"),
    "drain": Verb("setpoint.cli.drain", "make a node free of pods, within their disruption budgets"),
    "events": Verb("setpoint.cli.events", "list what happened"),
    "gc": Verb("setpoint.cli.gc", "remove what is of no use any more, now"),
    "api-resources": Verb("setpoint.cli.api_resources", "list the kinds of objects"),
    "api-versions": Verb("setpoint.cli.api_versions", "list the groups and versions of the API"),
    "version": Verb("setpoint.cli.version", "print the versions of client and cluster"),
    "completion": Verb("setpoint.cli.completion", "print a completion script for bash, zsh or fish"),
}


def usage() -> str:
    """The help of the whole program."""
    width = max(map(len, VERBS)) + 2
    lines = [f"  {name:<{width}}{verb.summary}" for name, verb in VERBS.items()]
    return "\n".join(
        [
            "usage: setpoint VERB [ARGUMENTS]",
            "",
            "Keeps your programs running on a set of machines.",
            "",
            *lines,
            "",
            "`setpoint VERB --help` tells more about one verb.",
        ]
    )


def build_parser(name: str) -> argparse.ArgumentParser:
    """The parser of one verb; its `run` default is the verb's function."""
    module = import_module(VERBS[name].module)
    parser = OneLineParser(prog=f"setpoint {name}", description=VERBS[name].summary, allow_abbrev=False)
    module.add_arguments(parser)
    parser.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; its exit status."""
    _open_standard_streams()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    name = {"--version": "version"}.get(arguments[0], arguments[0])
    if name not in VERBS:
        print(f'setpoint: unknown verb "{name}"{_nearest(name)}; see `setpoint --help`', file=sys.stderr)
        return 1
    return _guarded(name, parse(build_parser(name), arguments[1:]))


def _open_standard_streams() -> None:
    """Open to nothing those that our caller has closed (`<&-`), lest something else of ours gets their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))  # The lowest free number: its own.


def _guarded(name: str, options: argparse.Namespace) -> int:
    try:
        outcome = options.run(options)
        if inspect.iscoroutine(outcome):
            outcome = asyncio.run(outcome)
        sys.stdout.flush()
        return int(outcome or 0)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ApiError, CliError, OSError, ValueError) as error:
        print(f"setpoint {name}: {one_line(error)}", file=sys.stderr)
        return int(getattr(options, "failure_status", FAILED))


def one_line(error: BaseException) -> str:
    """What happened, on one line."""
    if isinstance(error, OSError) and error.strerror:
        subject = f"{error.filename}: " if error.filename else ""
        return f"{subject}{error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def _nearest(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, VERBS, 1)
    return f', did you mean "{close[0]}"?' if close else ""


if __name__ == "__main__":
    sys.exit(main())

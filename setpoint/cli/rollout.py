"""`setpoint rollout`: follow rollouts, look back, go back, hold them and pass them on.

What each subverb does stands in `setpoint.cli.rollouts`; here are its arguments.
"""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable

from proto.client.raw import RawClient
from setpoint.cli.dry_run import add_dry_run_argument
from setpoint.cli.durations import duration_s
from setpoint.cli.rollouts import canary, changing, following, looking_back
from setpoint.cli.rollouts.kinds import Subject, subjects
from setpoint.cli.session import add_cluster_arguments, connect

Act = Callable[[RawClient, Subject, argparse.Namespace], Awaitable[None]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subverbs and their arguments."""
    subverbs = parser.add_subparsers(dest="subverb", required=True, metavar="SUBVERB")

    def add(name: str, act: Act, summary: str) -> argparse.ArgumentParser:
        subverb = subverbs.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        add_cluster_arguments(subverb)
        subverb.add_argument("resource", nargs="+", help="KIND NAME…, KIND/NAME…, or KIND for all of them")
        subverb.add_argument("-l", "--selector", default="", help="those with these labels")
        subverb.set_defaults(act=act)
        return subverb

    status = add("status", following.status, "follow a rollout until it is complete")
    # Spelt out, because a flag of argparse takes either no value or, with a space, the next word too.
    status.add_argument(
        "-w", "--watch", action=argparse.BooleanOptionalAction, default=True,
        help="wait for the end, instead of telling once",
    )  # fmt: skip
    status.add_argument("--timeout", type=duration_s, default=0, metavar="DURATION", help="such as 30s; 0: for ever")
    status.add_argument("--revision", type=_revision, default=0, metavar="N", help="only while this is the newest one")
    past = add("history", looking_back.history, "list the revisions with their causes")
    past.add_argument("--revision", type=_revision, default=0, metavar="N", help="show the template of this one")
    undo = add("undo", looking_back.undo, "go back to a former revision")
    undo.add_argument("--to-revision", type=_revision, default=0, metavar="N", help="which (default: the one before)")
    add_dry_run_argument(undo)
    add("pause", changing.pause, "hold a rollout where it is")
    add("resume", changing.resume, "let a paused rollout go on")
    add("restart", changing.restart, "replace all pods, as the strategy says")
    promote = add("promote", canary.promote, "let a canary go on, or begin again after it was aborted")
    promote.add_argument("--full", action="store_true", help="skip all further steps")
    add("abort", canary.abort, "give all pods of a canary back to the stable revision")


async def run(options: argparse.Namespace) -> int:
    """Do what the subverb says with every object that is meant."""
    async with connect(options) as client:
        for subject in await subjects(client, options):
            await options.act(client, subject, options)
    return 0


def _revision(word: str) -> int:
    """The number of a revision; 0 means that none is named."""
    if not word.isdecimal():
        raise argparse.ArgumentTypeError(f'must be a revision number such as 2, found "{word}"')
    return int(word)

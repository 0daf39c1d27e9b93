"""`setpoint drain`: make a node free of pods, as kubectl does it: keep new ones away, and let those there leave.

*Writes*: `spec.unschedulable` of nodes, evictions; what becomes of each pod on stdout, all else on stderr. *Never*:
ends half done without saying what is left.

Source: kubectl `pkg/cmd/drain`, `pkg/drain`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import dataclass

from proto.catalog import BY_KIND
from proto.client.raw import RawClient
from proto.clock import SystemClock
from proto.errors import NotFound
from proto.selectors import parse_label_selector
from setpoint.cli.cordon import add_node_arguments, find_nodes, set_unschedulable
from setpoint.cli.draining.choosing import Choice, Item, PodName, Rules, choose, daemon_set_of, name_of
from setpoint.cli.draining.departures import Departures, watching
from setpoint.cli.draining.leaving import Manner, all_leave
from setpoint.cli.dry_run import add_dry_run_argument
from setpoint.cli.durations import duration_s
from setpoint.cli.errors import CliError
from setpoint.cli.session import add_cluster_arguments, connect


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser, namespaced=False)
    add_node_arguments(parser)
    add_dry_run_argument(parser, client=True)
    parser.add_argument("--ignore-daemonsets", action="store_true", help="leave the pods of DaemonSets where they are")
    parser.add_argument("--force", action="store_true", help="end pods, too, that nobody would make again")
    parser.add_argument("--delete-emptydir-data", action="store_true", help="end pods with local storage, too")
    parser.add_argument("--disable-eviction", action="store_true", help="delete pods without asking their budgets")
    parser.add_argument("--pod-selector", default="", metavar="SELECTOR", help="only the pods with these labels")
    parser.add_argument("--grace-period", type=int, default=-1, metavar="SECONDS", help="-1: as each pod says")
    parser.add_argument("--timeout", type=duration_s, default=0, metavar="DURATION", help="such as 5m; 0: for ever")
    parser.add_argument(
        "--skip-wait-for-delete-timeout", type=int, default=0, metavar="SECONDS",
        help="do not wait for pods that end for longer than this; 0: wait for all",
    )  # fmt: skip


async def run(options: argparse.Namespace) -> int:
    """Drain every node that is meant; 1 if one could not be."""
    if options.pod_selector:
        parse_label_selector(options.pod_selector)
    async with connect(options) as client:
        nodes = await find_nodes(client, options)
        await set_unschedulable(client, nodes, True, options.dry_run)
        failed: dict[str, str] = {}
        for node in nodes:
            drain = _Drain(client, node, options)
            try:
                await drain.run()
            except _NotDrained as problem:
                failed[node] = str(problem)
                print(
                    f'error: unable to drain node "{node}" due to error: {problem}, continuing command...',
                    file=sys.stderr,
                )
            except asyncio.CancelledError:
                drain.tell_interruption()
                raise
    if failed:
        print("There are pending nodes to be drained:", *(f" {node}" for node in failed), sep="\n", file=sys.stderr)
        raise CliError(_joined(list(failed.values())))
    return 0


class _NotDrained(Exception):
    """A node still has pods that should leave; the message says why."""


@dataclass(slots=True)
class _Drain:
    """The draining of one node."""

    client: RawClient
    node: str
    options: argparse.Namespace
    leaving: tuple[Item, ...] = ()
    departures: Departures | None = None

    async def run(self) -> None:
        """Let its pods leave, those that come meanwhile, too.

        Raises:
            _NotDrained: some may not, or did not.
        """
        manner = self._manner()
        seen: set[str] = set()
        async with watching(self.client, self.node) as departures:
            self.departures = departures
            while True:
                choice = await self._choose(departures, told=bool(seen))
                pods = [pod for pod in choice.pods if pod["metadata"]["uid"] not in seen]
                if not pods:
                    break
                seen |= {pod["metadata"]["uid"] for pod in pods}
                self.leaving = tuple(pods)
                if problems := await all_leave(self.client, departures, pods, manner):
                    self._tell_pending(_joined(problems))
                    raise _NotDrained(_joined(problems))
                if manner.dry_run != "none":
                    break
        print(f"node/{self.node} drained{manner.note}", flush=True)

    def tell_interruption(self) -> None:
        """Say what is left when the user has had enough: the node stays cordoned, and evictions are not undone."""
        pending = self._pending()
        note = f"interrupted: node/{self.node} stays cordoned"
        print(f"{note}, and has pods that should leave:" if pending else note, file=sys.stderr)
        self._tell(pending)

    async def _choose(self, departures: Departures, *, told: bool) -> Choice:
        """Who is to leave.

        Raises:
            _NotDrained: somebody may not, by the user's own words.
        """
        options = self.options
        rules = Rules(
            force=options.force,
            ignore_daemon_sets=options.ignore_daemonsets,
            delete_local_storage=options.delete_emptydir_data,
            skip_ending_s=options.skip_wait_for_delete_timeout,
        )
        pods = await departures.pods(options.pod_selector)
        owners = {owner for pod in pods if (owner := daemon_set_of(pod)) is not None}
        there = {owner for owner in owners if await self._exists(owner)}
        choice = choose(pods, rules, there, SystemClock().now())
        if choice.problems:
            raise _NotDrained(_joined(choice.problems))
        if choice.warnings and not told:
            print(f"Warning: {'; '.join(choice.warnings)}", file=sys.stderr, flush=True)
        return choice

    async def _exists(self, daemon_set: PodName) -> bool:
        try:
            await self.client.call("get", BY_KIND["DaemonSet"], *daemon_set)
        except NotFound:
            return False
        return True

    def _tell_pending(self, problem: str) -> None:
        if pending := self._pending():
            print(f'There are pending pods in node "{self.node}" when an error occurred: {problem}', file=sys.stderr)
            self._tell(pending)

    def _pending(self) -> list[Item]:
        """Who was to leave and is still there."""
        return [pod for pod in self.leaving if self.departures is not None and self.departures.holds(pod)]

    def _tell(self, pods: list[Item]) -> None:
        for pod in pods:
            print(f"pod/{name_of(pod).name}", file=sys.stderr)
        sys.stderr.flush()

    def _manner(self) -> Manner:
        options = self.options
        return Manner(
            evict=not options.disable_eviction,
            grace_s=options.grace_period,
            timeout_s=options.timeout,
            dry_run=options.dry_run,
        )


def _joined(problems: list[str] | tuple[str, ...]) -> str:
    """Several problems as one, in kubectl's brackets."""
    return problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"

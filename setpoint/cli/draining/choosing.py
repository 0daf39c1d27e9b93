"""Which pods a drain ends. Pure.

A pod that somebody will make again may go; one that a DaemonSet keeps would come back to the same node; one that
nobody keeps would be lost, as would what is in its local storage. For each of these the user must say so.

Source: kubectl `pkg/drain/filters.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from proto.phases import ENDED

Item = dict[str, Any]

DAEMON_SET_FATAL = "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore)"
DAEMON_SET_WARNING = "ignoring DaemonSet-managed Pods"
DAEMON_SET_ORPHAN = "deleting Pods of DaemonSets that are gone"
DAEMON_SET_ORPHAN_FATAL = "cannot delete Pods of DaemonSets that are gone (use --force to override)"
LOCAL_STORAGE_FATAL = "cannot delete Pods with local storage (use --delete-emptydir-data to override)"
LOCAL_STORAGE_WARNING = "deleting Pods with local storage"
UNMANAGED_FATAL = "cannot delete Pods that declare no controller (use --force to override)"
UNMANAGED_WARNING = "deleting Pods that declare no controller"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the user allows. `skip_ending_s`: pods that end for longer than this are not waited for; 0: all are."""

    force: bool = False
    ignore_daemon_sets: bool = False
    delete_local_storage: bool = False
    skip_ending_s: float = 0


class PodName(NamedTuple):
    """A pod's namespace and name; told as `default/web-1`."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Choice:
    """The pods that are to leave; with `problems` nothing may begin. Both kinds of words come with their pods."""

    pods: tuple[Item, ...]
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class _Verdict(NamedTuple):
    leaves: bool
    problem: str = ""
    warning: str = ""


def name_of(pod: Item) -> PodName:
    """Which pod it is."""
    return PodName(pod["metadata"]["namespace"], pod["metadata"]["name"])


def daemon_set_of(pod: Item) -> PodName | None:
    """The DaemonSet that controls a pod, if one does."""
    owner = _controller(pod)
    if owner is None or owner["kind"] != "DaemonSet":
        return None
    return PodName(pod["metadata"]["namespace"], owner["name"])


def choose(pods: Iterable[Item], rules: Rules, daemon_sets: Set[PodName], now: datetime) -> Choice:
    """Judge every pod; `daemon_sets` are those that exist."""
    leaving: list[Item] = []
    problems: dict[str, list[str]] = {}
    warnings: dict[str, list[str]] = {}
    for pod in pods:
        verdict = _judge(pod, rules, daemon_sets, now)
        if verdict.leaves:
            leaving.append(pod)
        if verdict.problem:
            problems.setdefault(verdict.problem, []).append(str(name_of(pod)))
        elif verdict.warning:
            warnings.setdefault(verdict.warning, []).append(str(name_of(pod)))
    return Choice(tuple(leaving), _told(problems), _told(warnings))


def _told(words: dict[str, list[str]]) -> tuple[str, ...]:
    return tuple(f"{text}: {', '.join(names)}" for text, names in words.items())


def _judge(pod: Item, rules: Rules, daemon_sets: Set[PodName], now: datetime) -> _Verdict:
    """The first rule that keeps the pod decides; of several that merely warn the last one is told."""
    if _is_ending_for(pod, rules.skip_ending_s, now):
        return _Verdict(False)
    if pod.get("status", {}).get("phase") in ENDED:
        return _Verdict(True)
    if (daemon_set := daemon_set_of(pod)) is not None:
        return _judge_daemon(rules, exists=daemon_set in daemon_sets)
    warning = ""
    if any("emptyDir" in volume for volume in pod["spec"].get("volumes", ())):
        if not rules.delete_local_storage:
            return _Verdict(False, LOCAL_STORAGE_FATAL)
        warning = LOCAL_STORAGE_WARNING
    if _controller(pod) is None:
        if not rules.force:
            return _Verdict(False, UNMANAGED_FATAL)
        warning = UNMANAGED_WARNING
    return _Verdict(True, warning=warning)


def _judge_daemon(rules: Rules, *, exists: bool) -> _Verdict:
    if not exists:
        return _Verdict(True, warning=DAEMON_SET_ORPHAN) if rules.force else _Verdict(False, DAEMON_SET_ORPHAN_FATAL)
    if rules.ignore_daemon_sets:
        return _Verdict(False, warning=DAEMON_SET_WARNING)
    return _Verdict(False, DAEMON_SET_FATAL)


def _is_ending_for(pod: Item, longer_than_s: float, now: datetime) -> bool:
    """Whether its deletion was due so long ago that nobody should wait for it."""
    due = pod["metadata"].get("deletionTimestamp")
    if not due or not longer_than_s:
        return False
    return (now - datetime.fromisoformat(due).astimezone(UTC)).total_seconds() > longer_than_s


def _controller(pod: Item) -> Item | None:
    owners: Iterable[Item] = pod["metadata"].get("ownerReferences", ())
    return next((owner for owner in owners if owner.get("controller")), None)

"""Eviction: end a pod if its disruption budgets allow that now.

The budget is written first, with this disruption counted, against the revision that it was read at; the pod is deleted
after that. So of two evictions that want the last disruption which is allowed one is refused, at whatever replicas and
however old their mirrors are.

*Reads*: the mirror. *Writes*: the status of a budget, and the pod, through the committer. The rules are in
`control_plane.budgets`.

Source: Kubernetes `pkg/registry/core/pod/storage/eviction.go`, policy/v1 Eviction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from control_plane.api.admission import invalid, read_body
from control_plane.api.committing import ATTEMPTS_MAX, Committer, modified
from control_plane.api.deleting import check_deletable
from control_plane.api.options import (
    DeletionOptions,
    check_field_validation,
    parse_revision,
    read_deletion_options,
    read_dry_run,
)
from control_plane.api.reading import catch_up, not_found
from control_plane.api.reply import Answer, success
from control_plane.api.request import Request
from control_plane.budgets import (
    RETRY_SPENT_S,
    RETRY_UNSEEN_S,
    Refusal,
    as_target,
    budgets_of,
    disruption_target,
    judge,
)
from control_plane.store.lifecycle import DeleteOptions, Removal, for_delete, to_milliseconds
from control_plane.store.mirror import Mirror
from control_plane.store.port import RevisionMismatch
from proto.clock import Clock
from proto.errors import ApiError, BadRequest, Cause, Forbidden, InternalError, TooManyRequests
from proto.objects.pod import Pod
from proto.objects.policy import Eviction

EVICTION_REASON = "EvictionByEvictionAPI"
EVICTION_MESSAGE = "Eviction API: evicting"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request for an eviction says."""

    options: DeletionOptions
    warnings: tuple[str, ...]


class Evictor:
    """Answers the creation of evictions."""

    def __init__(self, committer: Committer, mirror: Mirror, clock: Clock):
        self._committer = committer
        self._mirror = mirror
        self._clock = clock

    async def evict(self, request: Request) -> Answer:
        """Delete the pod, or say why that would break its budget.

        Raises:
            TooManyRequests | NotFound | Conflict | BadRequest | Invalid | InternalError | Unavailable | Timeout
        """
        asked = _read(request)
        await catch_up(self._mirror, parse_revision(asked.options.revision))
        for _ in range(ATTEMPTS_MAX):
            pod = self._mirror.get(Pod, request.namespace, request.name)
            if pod is None:
                raise not_found(request.kind, request.name)
            check_deletable(request.kind, pod, asked.options)
            try:
                await self._evict(pod, asked.options)
            except RevisionMismatch:
                await self._committer.await_news()
                continue
            return Answer(request.kind, plain=success(request.kind, pod, 201), warnings=asked.warnings)
        raise modified(request.kind, request.name)

    async def _evict(self, pod: Pod, options: DeletionOptions) -> None:
        """One attempt: ask the budgets, then do it.

        Raises:
            RevisionMismatch: the pod or its budget has changed meanwhile; look again.
        """
        now = to_milliseconds(self._clock.now())
        judgement = judge(pod, budgets_of(self._mirror, pod), now)
        if judgement.refusal is not None:
            raise _told(judgement.refusal)
        if options.dry_run:
            return
        if judgement.spent is not None:
            await self._committer.put(judgement.spent, judgement.spent.metadata.revision)
        elif judgement.trusted is not None:
            await self._committer.confirm(judgement.trusted)
        await self._delete(pod, options)

    async def _delete(self, pod: Pod, options: DeletionOptions) -> None:
        """Mark or remove the pod, with the condition that says why it ends.

        A pod that changed since it was judged is judged again: what was spent on it is not spent twice.
        """
        now = self._clock.now()
        target = pod if pod.deleting else as_target(pod, disruption_target(EVICTION_REASON, EVICTION_MESSAGE, now))
        outcome = for_delete(target, DeleteOptions(options.propagation, options.grace_s), now)
        if isinstance(outcome, Removal):
            await self._committer.delete(outcome.object)
        elif outcome.object is not pod:
            await self._committer.put(outcome.object, pod.metadata.revision)


def _read(request: Request) -> _Asked:
    """The eviction in a request, which may be empty.

    Raises:
        BadRequest | Invalid: it cannot be read, or is about another pod.
    """
    check_field_validation(request.options)
    reading = read_body(request.body, request.kind, Eviction, request.name)
    eviction = reading.object
    assert isinstance(eviction, Eviction), "it was read as one"
    if eviction.metadata.name not in ("", request.name):
        raise BadRequest("name in URL does not match name in Eviction object")
    if eviction.metadata.namespace not in ("", request.namespace):
        raise BadRequest("the namespace of the Eviction does not match the namespace on the request")
    plain: dict[str, Any] = dict(reading.clean.get("deleteOptions", {}))
    if read_dry_run(request.options):
        plain["dryRun"] = ["All"]
    try:
        options = read_deletion_options(plain)
    except BadRequest as error:
        raise invalid(request.kind, request.name, [Cause("deleteOptions", error.message)]) from None
    return _Asked(options, reading.warnings)


def _told(refusal: Refusal) -> ApiError:
    """A refusal in the words and codes of Kubernetes."""
    match refusal.why:
        case "several":
            return InternalError(refusal.message)
        case "overdrawn" | "crowded":
            return Forbidden(
                f'poddisruptionbudgets.policy "{refusal.budget}" is forbidden: {refusal.message}',
                details={"name": refusal.budget, "group": "policy", "kind": "poddisruptionbudgets"},
            )
    return TooManyRequests(
        "Cannot evict pod as it would violate the pod's disruption budget.",
        causes=[Cause("", refusal.message, "DisruptionBudget")],
        details={"retryAfterSeconds": RETRY_UNSEEN_S if refusal.why == "unseen" else RETRY_SPENT_S},
    )

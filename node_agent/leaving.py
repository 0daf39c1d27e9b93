"""A polite leave: the node's pods are handed over before its agent ends.

The hub is told, with every heartbeat, that the node leaves. It keeps new pods away and evicts those that are here,
within their budgets; each one ends as any evicted pod does, and its controller makes another elsewhere. Here is waited
until they are gone.

Reads: the pods of this node, how long the hub has been silent. Writes: nothing. Never: ends a pod by itself; waits for
a hub that does not answer.
"""

from __future__ import annotations

import logging

from node_agent.membership.membership import Membership
from node_agent.pods.pods import Pods
from proto.clock import Clock
from proto.leaving import leaves
from proto.objects.pod import Pod

log = logging.getLogger(__name__)

POLL_S = 0.05
SILENCE_S_MAX = 5.0
"""A hub that is silent for longer than another takes to lead is not waited for; from the beginning of the leave on,
since an agent that has just started may not have heard of it yet."""


async def handed_over(pods: Pods, membership: Membership, clock: Clock, within_s: float) -> tuple[Pod, ...]:
    """Wait until all pods that leave have left, for so long at most; those that have not."""
    began_s = clock.monotonic_s()
    while remaining := pods.that(leaves):
        waited_s = clock.monotonic_s() - began_s
        if min(membership.silence_s, waited_s) > SILENCE_S_MAX:
            log.warning("not_handed_over the hub does not answer pods=%d", len(remaining))
            break
        if waited_s >= within_s:
            log.warning("not_handed_over in time within_s=%g pods=%d", within_s, len(remaining))
            break
        await clock.sleep(POLL_S)
    return remaining

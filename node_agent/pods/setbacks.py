"""What becomes of a pod whose care fails: its steps are held back, longer each time, and people are told why.

A fault of ours costs the pod its pass or its step, not the node's other pods.

Reads: what was raised. Writes: the pod's work, events, the log. Never: gives a pod up.
"""

from __future__ import annotations

import logging

from node_agent.plan.events import not_synced
from node_agent.pods.reporting import Reporting
from node_agent.pods.work import PodWork
from node_agent.runtime.port import RuntimeFailure
from node_agent.storage.port import StorageFailure
from proto.clock import Clock

log = logging.getLogger(__name__)


class Setbacks:
    """Takes note of failures. The event `FailedSync` is told once for each reason until something works again."""

    def __init__(self, clock: Clock, reporting: Reporting) -> None:
        self._clock = clock
        self._reporting = reporting

    def note(self, work: PodWork, problem: Exception) -> float:
        """Hold the pod's steps back; for how many seconds."""
        wait_s = work.hold(self._clock.monotonic_s())
        foreseen = isinstance(problem, RuntimeFailure | StorageFailure)
        why = str(problem) if foreseen else f"{type(problem).__name__}: {problem}"
        log.warning(
            "setback pod=%s/%s retry_s=%.1f problem=%s", *work.pod.key, wait_s, why, exc_info=not foreseen and problem
        )
        if work.trouble != why and work.unmounted != why:  # Of volumes the status tells, and `FailedMount`.
            work.trouble = why
            self._reporting.tell(not_synced(work.pod, why))
        return wait_s

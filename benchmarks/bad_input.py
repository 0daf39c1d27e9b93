"""What a bad request costs: the table of the tests, each request timed from being sent to being refused."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from benchmarks.measuring import Figure, percentile
from tests.api.test_bad_input import INVALID, REQUESTS, filled_cluster


async def measure() -> AsyncIterator[Figure]:
    """Every new object that breaks a rule, and every request that cannot be served."""
    cases = [(f"create.{subject}", body, {}) for _, subject, body, _ in INVALID]
    cases += [(request, body, headers) for _, request, body, headers, *_ in REQUESTS]
    times_ms = []
    async with filled_cluster() as api:
        for request, body, headers in cases:
            started = time.perf_counter()
            answer = await api.call(request, body, **headers)
            times_ms.append(1000 * (time.perf_counter() - started))
            assert answer["status"] == "Failure", request
    note = f"{len(cases)} bad requests"
    yield Figure("a bad request, p50", percentile(times_ms, 0.5), "ms", note=note)
    yield Figure("a bad request, the slowest", max(times_ms), "ms", 50, note=note)

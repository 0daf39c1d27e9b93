"""What must hold while everything runs at once, a file for each promise.

A check hears every change of the store as it happens, and what processes do on the machines; it returns what is wrong
as sentences. `changed` and `process` hold always, `settled` once the faults have stopped and the dust has settled.

    placement      a pod is on one node, its processes are on one machine
    ordinals       there is never a second process of what must be one
    job_counts     every pod of a Job is counted once
    availability   rollouts keep their floor, evictions keep their budgets
    quotas         a namespace never has more than its quota
    owners         nothing is left whose owner is gone
    wants          each kind has become what was declared
    empty_plans    no controller would write anything any more

To add one, write a class with those methods and list it in `ALL`.
"""

from __future__ import annotations

from tests.sim.checks.availability import Availability
from tests.sim.checks.check import Check
from tests.sim.checks.empty_plans import EmptyPlans
from tests.sim.checks.job_counts import JobCounts
from tests.sim.checks.ordinals import Ordinals
from tests.sim.checks.owners import Owners
from tests.sim.checks.placement import Placement
from tests.sim.checks.quotas import Quotas
from tests.sim.checks.wants import Wants

ALL: tuple[type[Check], ...] = (
    Placement,
    Ordinals,
    JobCounts,
    Availability,
    Quotas,
    Owners,
    Wants,
    EmptyPlans,
)
"""Every check, in no order that matters."""

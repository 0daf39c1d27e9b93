"""Weights for disks: who goes first while a disk is busy. No field of a pod asks for it: the request of cpu decides.

Two mechanisms of the kernel weigh disks: the scheduler BFQ (on v1 too), and the controller's own cost model (v2 only,
`io.weight`). Most machines have switched on neither; then weights are written, where that costs next to nothing, and
change nothing.

*Reads* the schedulers of the machine's disks. Returns values. *Source*: Linux `Documentation/block/bfq-iosched`.
"""
# ruff: noqa: PTH208

import os

from node_agent.cgroup import files

BLOCKS = "/sys/block"
V1_WEIGHT = "blkio.bfq.weight"
V2_BFQ_WEIGHT = "io.bfq.weight"


def bfq_weight_of(cpu_request_millis: int | None) -> int:
    """The scheduler's weight (1 to 1,000) of a request: 100 per processor."""
    return min(max(1, (cpu_request_millis or 0) // 10), 1000)


def any_weighed_by_bfq(blocks: str = BLOCKS) -> bool:
    """Whether BFQ is the scheduler of a disk of this machine."""
    try:
        names = os.listdir(blocks)
    except OSError:
        return False
    return any("[bfq]" in (files.read(f"{blocks}/{name}/queue/scheduler") or "") for name in names)

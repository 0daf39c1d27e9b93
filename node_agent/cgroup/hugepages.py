"""Huge pages: which sizes this machine keeps in pools, and what a group may take of each.

A group may take what it is given, and nothing of the sizes that it is not given (Kubernetes: the same). The kernel
counts pages twice: when a program maps them (`rsvd`), so that it is refused in time, and when it touches them.

*Reads* the pools. *Writes* the limits of one group. *Never*: fills a pool; that is the administrator's.
*Source*: Linux `Documentation/admin-guide/mm/hugetlbpage`, `cgroup-v2` (HugeTLB).
"""
# ruff: noqa: PTH208

import os

from node_agent.cgroup import files

POOLS = "/sys/kernel/mm/hugepages"
_UNITS = (("GB", 30), ("MB", 20), ("KB", 10))


def pools(directory: str = POOLS) -> dict[int, int]:
    """The bytes that are kept for each page size, in bytes; a size of which nothing is kept is left out."""
    try:
        names = os.listdir(directory)
    except OSError:
        return {}
    found = {}
    for name in names:
        kibibytes = name.removeprefix("hugepages-").removesuffix("kB")
        pages = files.read_number(f"{directory}/{name}/nr_hugepages")
        if kibibytes.isdigit() and pages:
            found[int(kibibytes) * 1024] = int(kibibytes) * 1024 * pages
    return found


def controller_file(page_bytes: int, name: str) -> str:
    """A file of the hugetlb controller: sizes are written as in `hugetlb.2MB.max`."""
    unit, shift = next((unit, shift) for unit, shift in _UNITS if page_bytes >> shift or unit == "KB")
    return f"hugetlb.{page_bytes >> shift}{unit}.{name}"


def limit(group: str, page_sizes: tuple[int, ...], allowed: tuple[tuple[int, int], ...], name: str) -> None:
    """Sets what a group may take of each size. `name` is what the limit is called: `max`, or `limit_in_bytes` on v1.

    Raises:
        OSError: The kernel refused.
    """
    given = dict(allowed)
    for page_bytes in page_sizes:
        amount = str(given.get(page_bytes, 0))
        files.write(f"{group}/{controller_file(page_bytes, name)}", amount)
        files.write_if_possible(f"{group}/{controller_file(page_bytes, 'rsvd.' + name)}", amount)

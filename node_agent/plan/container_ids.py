"""The ids of containers: `<pod uid>.<container name>.<attempt>`.

Uids and container names hold no dots, so the id can be read back. Since the attempt is part of it, the restart count
survives everything that the runtime's own memory survives, and one attempt can never be started twice.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ContainerId:
    """One life of one container of one pod; `str()` is the id that the runtime is given."""

    pod_uid: str
    container: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.pod_uid}.{self.container}.{self.attempt}"


def parse_container_id(text: str) -> ContainerId | None:
    """The id's parts, or None for a container that no agent of ours has named."""
    parts = text.rsplit(".", 2)
    if len(parts) != 3 or not all(parts) or not parts[2].isdecimal():
        return None
    return ContainerId(parts[0], parts[1], int(parts[2]))

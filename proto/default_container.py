"""Which container of a pod is meant when nobody names one: the same for the command line and for the node's agent.

Source: kubectl `pkg/cmd/util/podcmd` (FindOrDefaultContainerByName).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
"""The annotation of a pod that names it."""


def default_container(annotations: Mapping[str, str], names: Sequence[str]) -> str:
    """The one that the pod's annotations name, if it is one of `names`; else the first of them."""
    named = annotations.get(DEFAULT_CONTAINER, "")
    return named if named in names else names[0]

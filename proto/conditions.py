"""The types of conditions that more than one program goes by.

Those by which an agent tells of problems of its machine are `True` while there is one. The control plane keeps new pods
away from a node that has one, by a taint of its own for each (Kubernetes: taints of node pressure).
"""

RUNTIME_UNHEALTHY = "ContainerRuntimeUnhealthy"
"""The runtime driver does not answer: what runs goes on, but nothing can be started or stopped."""

STATE_UNWRITABLE = "StateDirectoryUnwritable"
"""The agent's state directory is full or read-only: nothing new can be kept there."""

RESIZE_CONDITIONS = ("PodResizePending", "PodResizeInProgress")
"""Conditions of a pod that are there only while they hold (Kubernetes: the same)."""

INFEASIBLE = "Infeasible"
"""The reason of a resize that waits for ever, since its node never has so much."""

DISRUPTION_TARGET = "DisruptionTarget"
"""On a pod that is ended for a reason outside of it; its reason says which."""

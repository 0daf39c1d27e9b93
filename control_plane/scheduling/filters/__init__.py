"""Reasons why a node cannot take a pod, a file each, in the order in which they are asked (Kubernetes' order).

A filter checks all nodes at once and explains its refusals; a node that several filters refuse is counted for the first
of them, so that the counts of an explanation add up to the number of nodes.
"""

from control_plane.scheduling.filters.filter import Filter
from control_plane.scheduling.filters.host_ports import HostPorts
from control_plane.scheduling.filters.node_affinity import NodeAffinity
from control_plane.scheduling.filters.node_name import NodeName
from control_plane.scheduling.filters.node_ready import NodeReady
from control_plane.scheduling.filters.node_resources import NodeResources
from control_plane.scheduling.filters.node_selector import NodeSelector
from control_plane.scheduling.filters.node_unschedulable import NodeUnschedulable
from control_plane.scheduling.filters.taints import Taints

ALL: tuple[Filter, ...] = (
    NodeUnschedulable(),
    NodeName(),
    Taints(),
    NodeReady(),
    NodeSelector(),
    NodeAffinity(),
    HostPorts(),
    NodeResources(),
)

__all__ = [
    "ALL",
    "Filter",
    "HostPorts",
    "NodeAffinity",
    "NodeName",
    "NodeReady",
    "NodeResources",
    "NodeSelector",
    "NodeUnschedulable",
    "Taints",
]

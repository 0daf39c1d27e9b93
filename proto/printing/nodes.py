"""How nodes are printed. Source: Kubernetes `pkg/printers/internalversion/printers.go` (printNode)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from proto.objects.core import Node
from proto.objects.meta import find_condition
from proto.printing.form import AGE, NAME, NONE, Cell, Column, Printer, age_of, wide

_ROLE_LABEL = "node-role.kubernetes.io/"


def node_cells(node: Node, now: datetime) -> Sequence[Cell]:
    """NAME STATUS ROLES AGE VERSION, INTERNAL-IP EXTERNAL-IP OS-IMAGE KERNEL-VERSION CONTAINER-RUNTIME."""
    found = node.status.node_info
    addresses = {address.type: address.address for address in reversed(node.status.addresses)}
    return (
        node.metadata.name,
        node_status(node),
        _roles(node),
        age_of(node, now),
        (found.kubelet_version if found else "") or "<unknown>",
        addresses.get("InternalIP", NONE),
        addresses.get("ExternalIP", NONE),
        (found.os_image if found else "") or "<unknown>",
        (found.kernel_version if found else "") or "<unknown>",
        (found.container_runtime_version if found else "") or "<unknown>",
    )


def node_status(node: Node) -> str:
    """`Ready`, `NotReady` or `Unknown` (nothing was ever said), and whether it is cordoned."""
    condition = find_condition(node.status.conditions, "Ready")
    status = "Unknown" if condition is None else "Ready" if condition.status == "True" else "NotReady"
    return f"{status},SchedulingDisabled" if node.spec.unschedulable else status


def _roles(node: Node) -> str:
    labels = node.metadata.labels
    roles = {label.removeprefix(_ROLE_LABEL) for label in labels if label.startswith(_ROLE_LABEL)}
    roles.add(labels.get("kubernetes.io/role", ""))
    return ",".join(sorted(roles - {""})) or NONE


PRINTERS = {
    "Node": Printer(
        (NAME, Column("Status"), Column("Roles"), AGE, Column("Version"),
         *wide("Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime")),
        node_cells,
    ),
}  # fmt: skip

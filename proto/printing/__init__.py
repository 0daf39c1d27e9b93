"""Objects as tables: the columns and cells that `get` prints, computed on the server as a `meta.k8s.io/v1` Table.

Every kind has its columns here, in Kubernetes' order and words; those of priority 1 are for `-o wide`. A file a
family of kinds; the small ones are below. Source: Kubernetes `pkg/printers/internalversion/printers.go`.

Reads: objects and *now*. Writes nothing. Never here: alignment and headers (the command line's).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from proto.catalog import Kind
from proto.durations import age
from proto.objects.coordination import Lease
from proto.objects.core import ConfigMap, Event, Namespace
from proto.objects.meta import Object
from proto.objects.secret import Secret
from proto.printing import nodes, pods, policy, quota, workloads
from proto.printing.form import AGE, NAME, Cell, Column, Printer, age_of, integer
from proto.printing.form import wide as wide_only


def table(kind: Kind, objects: Iterable[Object], now: datetime, wide: bool) -> dict[str, Any]:
    """The Table of `objects`; with `wide` it also has the columns of priority 1 (each says so in its definition)."""
    columns = _PRINTERS.get(kind.kind, _ANY).columns
    return {
        "apiVersion": "meta.k8s.io/v1",
        "kind": "Table",
        "metadata": {},
        "columnDefinitions": [_definition(column) for column in columns if wide or not column.priority],
        "rows": [row(kind, obj, now, wide) for obj in objects],
    }


def row(kind: Kind, obj: Object, now: datetime, wide: bool) -> dict[str, Any]:
    """One row of the Table."""
    printer = _PRINTERS.get(kind.kind, _ANY)
    cells = zip(printer.columns, printer.cells(obj, now), strict=True)
    return {"cells": [cell for column, cell in cells if wide or not column.priority], "object": _partial(obj)}


def _definition(column: Column) -> dict[str, Any]:
    form = "name" if column.name == "Name" else ""
    return {"name": column.name, "type": column.type, "format": form, "description": "", "priority": column.priority}


def _partial(obj: Object) -> dict[str, Any]:
    """Who the row is about: enough for `-A`, `--show-labels` and a watch from here."""
    metadata = obj.metadata
    known = {
        "name": metadata.name,
        "namespace": metadata.namespace,
        "uid": metadata.uid,
        "resourceVersion": metadata.resource_version,
        "labels": metadata.labels,
    }
    return {
        "apiVersion": "meta.k8s.io/v1",
        "kind": "PartialObjectMetadata",
        "metadata": {name: value for name, value in known.items() if value},
    }


def event_cells(event: Event, now: datetime) -> Sequence[Cell]:
    """LAST SEEN, TYPE, REASON, OBJECT, SUBOBJECT, SOURCE, MESSAGE, FIRST SEEN, COUNT, NAME."""
    about = event.involved_object
    first = event.first_timestamp or event.event_time
    source = event.source.component or event.reporting_component
    return (
        age(event.last_timestamp or first, now),
        event.type,
        event.reason,
        f"{about.kind.lower()}/{about.name}",
        about.field_path,
        ", ".join(filter(None, (source, event.source.host))),
        event.message.strip(),
        age(first, now),
        event.count,
        event.metadata.name,
    )


def _namespace_cells(namespace: Namespace, now: datetime) -> Sequence[Cell]:
    return namespace.metadata.name, namespace.status.phase, age_of(namespace, now)


def _config_map_cells(config: ConfigMap, now: datetime) -> Sequence[Cell]:
    return config.metadata.name, len(config.data) + len(config.binary_data), age_of(config, now)


def _secret_cells(secret: Secret, now: datetime) -> Sequence[Cell]:
    return secret.metadata.name, secret.type, len(secret.data), age_of(secret, now)


def _lease_cells(lease: Lease, now: datetime) -> Sequence[Cell]:
    return lease.metadata.name, lease.spec.holder_identity, age_of(lease, now)


def _any_cells(obj: Object, now: datetime) -> Sequence[Cell]:
    return obj.metadata.name, age_of(obj, now)


_ANY = Printer((NAME, AGE), _any_cells)
_PRINTERS: dict[str, Printer] = {
    **pods.PRINTERS,
    **nodes.PRINTERS,
    **workloads.PRINTERS,
    **policy.PRINTERS,
    **quota.PRINTERS,
    "Namespace": Printer((NAME, Column("Status"), AGE), _namespace_cells),
    "ConfigMap": Printer((NAME, integer("Data"), AGE), _config_map_cells),
    "Secret": Printer((NAME, Column("Type"), integer("Data"), AGE), _secret_cells),
    "Lease": Printer((NAME, Column("Holder"), AGE), _lease_cells),
    "Event": Printer(
        (Column("Last Seen"), Column("Type"), Column("Reason"), Column("Object"), *wide_only("Subobject", "Source"),
         Column("Message"), Column("First Seen", priority=1), Column("Count", "integer", 1),
         Column("Name", priority=1)),
        event_cells,
    ),
}  # fmt: skip

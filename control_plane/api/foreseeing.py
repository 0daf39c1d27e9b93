"""plan: what would become of pods if some objects were as given; nothing is written.

    sp.api.plan.meta.forecast._     {"objects": [...]} => proto.forecast.Forecast

The objects are read as strictly as if they were to be stored. The forecast is made in a thread of its own from what the
mirror holds at this moment, so that other requests go on.

*Reads*: the mirror. *Writes*: nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any

from control_plane.api.admission import invalid
from control_plane.api.defaults import with_defaults
from control_plane.api.request import read_options
from control_plane.api.validation import check_new
from control_plane.foresight import Foresight
from control_plane.store.mirror import Mirror
from proto import catalog
from proto.bus.port import Message
from proto.clock import Clock, Instant
from proto.errors import BadRequest
from proto.forecast import Forecast
from proto.objects.meta import Object, evolve
from proto.objects.pod import Pod
from proto.schema import read_strict

OBJECTS_MAX = 500
_APART = frozenset({"Event", "Lease"})
"""Kinds that no forecast looks at."""


class Foreseeing:
    """Answers plan."""

    def __init__(self, mirror: Mirror, clock: Clock):
        self._mirror = mirror
        self._clock = clock

    async def answer(self, message: Message) -> Forecast:
        """Make one forecast.

        Raises:
            BadRequest | Invalid: the objects cannot be read, or break a rule.
        """
        wanted = read_options(message, "plan").get("objects")
        if not isinstance(wanted, list) or not wanted:
            raise BadRequest("objects: must be a list of objects, with at least one")
        if len(wanted) > OBJECTS_MAX:
            raise BadRequest(f"objects: at most {OBJECTS_MAX} at a time, found {len(wanted)}")
        changes = [_read(raw, f"objects[{index}]") for index, raw in enumerate(wanted)]
        near = {obj.metadata.namespace for obj in changes} | {""}
        around = [obj for namespace in sorted(near) for obj in self._in(namespace)]
        bystanders = [pod for pod in self._mirror.list(Pod) if pod.metadata.namespace not in near]
        return await asyncio.to_thread(_foreseen, around, bystanders, changes, self._clock.now())

    def _in(self, namespace: str) -> list[Object]:
        """All objects of a namespace, or ("") those that are in none."""
        kinds = [kind for kind in catalog.KINDS if kind.namespaced == bool(namespace) and kind.kind not in _APART]
        return [obj for kind in kinds for obj in self._mirror.list(kind.model, namespace or None)]


def _foreseen(around: list[Object], bystanders: list[Pod], changes: list[Object], now: Instant) -> Forecast:
    foresight = Foresight(around, now, bystanders)
    for obj in changes:
        foresight.change(obj)
    return foresight.forecast()


def _read(raw: Any, where: str) -> Object:
    if not isinstance(raw, dict):
        raise BadRequest(f"{where}: must be an object with apiVersion and kind")
    api_version, name = str(raw.get("apiVersion", "")), str(raw.get("kind", ""))
    kind = catalog.by_gvk(api_version, name)
    if kind is None:
        raise BadRequest(f"{where}: {catalog.unknown_kind(api_version, name)}")
    reading = read_strict(raw, kind)
    if reading.object is None:
        raise invalid(kind, str(raw.get("metadata", {}).get("name", "")), reading.causes)
    obj = with_defaults(reading.object)
    if kind.namespaced and not obj.metadata.namespace:
        obj = evolve(obj, **{"metadata.namespace": "default"})
    if causes := check_new(obj):
        raise invalid(kind, obj.metadata.name, causes)
    return obj

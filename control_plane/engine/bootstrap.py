"""What every cluster has from the start: a few namespaces, and the system's own PriorityClasses.

The leader sees to it when its term begins and now and then afterwards, so a store that was replaced heals too.

*Reads*: those objects from the mirror. *Writes*: those that are missing.
"""

from __future__ import annotations

import logging

from control_plane.amend import Amender, LiveSnapshot
from control_plane.plan import Snapshot
from control_plane.store import lifecycle
from control_plane.store.port import StoreError
from proto.clock import Clock
from proto.ids import Ids
from proto.objects.core import Namespace
from proto.objects.meta import Object, ObjectMeta
from proto.objects.scheduling import SYSTEM_CLASSES, PriorityClass

log = logging.getLogger(__name__)

NAMESPACES = ("default", "kube-system", "kube-node-lease")
NAME_LABEL = "kubernetes.io/metadata.name"
CHECK_S = 30.0
RETRY_S = 0.5

BUILT_IN: tuple[Object, ...] = (
    *(Namespace(metadata=ObjectMeta(name=name, labels={NAME_LABEL: name})) for name in NAMESPACES),
    *(
        PriorityClass(metadata=ObjectMeta(name=name), value=value, description=description)
        for name, (value, description) in SYSTEM_CLASSES.items()
    ),
)
"""All of it, as it is created."""


def missing(snapshot: Snapshot) -> list[Object]:
    """What is not there."""
    return [obj for obj in BUILT_IN if snapshot.get(type(obj), *obj.key) is None]


async def keep_built_in(amender: Amender, mirror: LiveSnapshot, clock: Clock, ids: Ids) -> None:
    """Create what is missing, for ever."""
    while True:
        pause_s = CHECK_S
        for obj in missing(mirror):
            try:
                await amender.create(lifecycle.for_create(obj, uid=ids.uid(), now=clock.now()))
            except StoreError as error:
                log.info("%s not created name=%s error=%s", obj.KIND, obj.metadata.name, error)
                pause_s = RETRY_S
        await clock.sleep(pause_s)

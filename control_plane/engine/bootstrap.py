"""What every cluster has from the start: the namespaces `default`, `kube-system` and `kube-node-lease`.

The leader sees to it when its term begins and now and then afterwards, so a store that was replaced heals too.

*Reads*: namespaces from the mirror. *Writes*: those that are missing.
"""

from __future__ import annotations

import logging

from control_plane.amend import Amender, LiveSnapshot
from control_plane.store import lifecycle
from control_plane.store.port import StoreError
from proto.clock import Clock
from proto.ids import Ids
from proto.objects.core import Namespace
from proto.objects.meta import ObjectMeta

log = logging.getLogger(__name__)

NAMESPACES = ("default", "kube-system", "kube-node-lease")
NAME_LABEL = "kubernetes.io/metadata.name"
CHECK_S = 30.0
RETRY_S = 0.5


async def keep_namespaces(amender: Amender, mirror: LiveSnapshot, clock: Clock, ids: Ids) -> None:
    """Create the namespaces that are missing, for ever."""
    while True:
        pause_s = CHECK_S
        for name in NAMESPACES:
            if mirror.get(Namespace, "", name) is not None:
                continue
            namespace = Namespace(metadata=ObjectMeta(name=name, labels={NAME_LABEL: name}))
            try:
                await amender.create(lifecycle.for_create(namespace, uid=ids.uid(), now=clock.now()))
            except StoreError as error:
                log.info("namespace not created name=%s error=%s", name, error)
                pause_s = RETRY_S
        await clock.sleep(pause_s)

"""The store in JetStream: one stream of objects, one small stream for the leader's key.

    jetstream    the few JetStream requests that we make, over the bus
    writes       compare-and-swap by pipelined publishes, and what to do when no acknowledgement comes
    feed         the ordered feed of all changes, which neither misses nor repeats one
    store        `NatsStore`, made by `open_store`: stream, version check, writes and feeds together
    leader_keys  `NatsLeaderKeys`: the key with a time to live that election stands on

An object is one subject, its last message is its state, the stream sequence of that message is its revision. A
deletion is a message too (a tombstone with the last state), which expires after an hour; who was away for so long is
told everything again.

Enter and leave: JetStream messages, through a `Bus`. Never here: what an object means.
"""

from control_plane.store.nats.leader_keys import NatsLeaderKeys
from control_plane.store.nats.store import NatsStore, UnsupportedServer, open_store

__all__ = ["NatsLeaderKeys", "NatsStore", "UnsupportedServer", "open_store"]

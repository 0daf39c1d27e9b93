"""The hub: the leading control plane as the nodes see it.

    node agent --- heartbeat, register, status, sync, goodbye ---> hub ---> Nodes, Leases, pods' status
    node agent <--------------- assignments ---------------------- hub <--- pods, config (mirror)

    hub           one subscription, and an answer to each message
    registration  gives out names: one incarnation at a time
    liveness      who is heard, who fell silent; `hearing` is the clock it is measured on, `wheel` the deadlines
    dispatch      tells nodes what to hold; `assigned` computes messages and digests
    intake        writes what nodes report
    slow_pace     Leases and usage, for people to see
    session       what is remembered of each node, in memory only
    node_state    PURE: what is written on Nodes, Leases and lost pods

Nodes have no access to the store: they talk to the hub, and the hub alone writes for them. Nothing is written for a
heartbeat, and no verdict depends on the store being able to write. Verdicts are conditions on Nodes; what follows
from them (taints, evictions) is decided by controllers.

The hub is no part of `api`, which serves every client on every replica: the hub serves nodes, on the leader only, and
dies with its term. It is no part of `engine`, which decides nothing and knows no kind of object.
"""

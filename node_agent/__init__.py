"""The node agent: what turns one machine into a node of the cluster and keeps its pods running.

Assignments enter from the hub (`proto.node` messages over NATS), reports of what really runs leave the same way. In
between, `plan` decides (pure), `runtime` does (a port with drivers), `supervisor` owns the processes in a program of its
own so that they outlive the agent, and `cgroup` bounds and measures them. The agent may be killed, upgraded or cut off at
any moment: nothing it must remember lives only in its memory. This room imports `proto` and no other room, and it never
touches the object store: a node knows only what was assigned to it.
"""

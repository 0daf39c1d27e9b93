"""This node's membership in the cluster: its name, its heartbeats, and the lease that they renew.

    late_bus      the connection, which may come later than the agent
    registration  asks for the node's name, and tells what the machine is
    membership    heartbeats while the node is a member; what to do when it is not any more
    lease         until when what must be one may run here

Nothing here knows a pod. A node that is cut off from the hub is still a member: it goes on by the rules of its pods.
"""

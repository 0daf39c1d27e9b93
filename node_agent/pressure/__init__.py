"""What the machine is short of, and what is taken away so that there is enough again.

    thresholds     what counts as a shortage: the options of the kubelet. PURE
    pressure       looks at the machine, tells the hub, reclaims what is free to take, evicts one pod after the other
    local_storage  pods that take more of the disk than their own limits
    cleanup        what belongs to no pod of this node: containers, directories, control groups
    leftovers      the same for whoever asks (`setpoint gc`)

Whom an eviction hits is decided in `node_agent.plan.eviction`.
"""

"""The containers of this node as the agent handles them: started, stopped, known, and given what they need.

    table         what the runtime last told of each container
    operations    a planned start, stop, resize or removal, carried out on the runtime
    messages      the files in which their programs say why they end
    ports         the free ports of the machine that were chosen for them
    level_bounds  what the containers of a level weigh and may use together

Enters: steps that `node_agent.plan` decided. Leaves: calls of the runtime port. Never here: whether a container should
run, and anything of more than one pod at a time but levels and ports.
"""

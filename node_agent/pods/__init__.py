"""The pods of this node: taken from the hub, brought to what their plans say, and reported back.

    assignments  the hub's word on which pods should be here
    pods         all of them; whatever may matter to one wakes it, and then it is looked at as a whole
    alarms       when one is looked at though nothing happens
    room         what they leave of the node, for one that comes or grows
    keeping      what equal pods have in common is in memory once
    work         what is kept in memory of one pod
    publishing   what became known of a pod: kept on disk, and reported where it is news
    setbacks     what is done where something of it fails
    performing   the steps of its plan, each a task
    reporting    what became of the pods, told to the hub until it has written it

Deciding is `node_agent.plan`'s; doing is that of `containers`, `volumes` and `health`.
"""

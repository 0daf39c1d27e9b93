"""The scheduler's mind: from pending pods and nodes to placements. PURE.

What enters: every change of a node or a pod (`Scheduling.on_node`, `on_pod`), and pods without a node (`place`).
What leaves: a `Decision` for each of those pods: a node, or an explanation of why there is none and which changes
could help. What a decision takes is taken from the table at once, so the next decision reckons with it; when the
bind fails, `forget` gives it back.

    scheduling = Scheduling()
    scheduling.on_node(None, node)
    scheduling.on_pod(None, running_pod)
    for decision in scheduling.place(pending):
        bind(decision.pod, decision.node) if decision.node else report(decision.explanation)

How it is fast: the nodes are rows of numpy arrays (`table`), kept up to date in O(change); a pod is reduced to what
matters for placing it (`needs`); equal pods are placed as one batch (`batch`), whose cost is a few passes over the
nodes and not one pass a pod, with the same result as one by one.

    needs     what a pod asks of a node, and when two pods ask the same
    table     the nodes as rows: what each offers, what is taken, who uses which port
    filters/  a file per reason why a node cannot take a pod; each counts and each explains
    scores/   a file per reason to prefer one node to another
    batch     equal pods onto rows
    preemption   whom to end for a pod that matters more; residents and nominations are what it stands on
    changes   which kinds of change could make an unplaceable pod placeable

Never here: waiting, binding, writing conditions or events (that is `control_plane.engine.scheduler`), chance and time.
"""

from control_plane.scheduling.changes import Change, node_changes, pod_changes
from control_plane.scheduling.scheduling import Decision, Preemption, Scheduling

__all__ = ["Change", "Decision", "Preemption", "Scheduling", "node_changes", "pod_changes"]

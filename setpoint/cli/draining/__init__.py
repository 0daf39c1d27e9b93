"""`setpoint drain`, in parts.

    choosing      which pods of a node are to leave, which stay, and what forbids to begin
    departures    who is still on the node
    leaving       one pod after the other: ask its budget, delete it, see it gone

Rules and words are kubectl's (`kubectl/pkg/drain`).
"""

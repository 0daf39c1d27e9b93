"""The control plane: holds the wishes, and drives the cluster towards them.

    program       one replica, composed: a mirror, the API, a part in the election
    leadership    what the leader runs, from the start of a term to its end
    api/          requests of clients: verbs, admission, patching, watch
    engine/       work queue, reconcile loop, applying plans, leader election, event recorder
    hub/          the hub side of the nodes: registration, heartbeats, assignments, reports
    controllers/  PURE: a file per controller, from a snapshot to a plan
    scheduling/   PURE: from pending pods and nodes to placements
    admission/    what the cluster and its namespaces ask of every new object: priority, limits, quotas
    store/        objects in JetStream, and the indexed mirror that everyone reads
    amend tasks   compare-and-swap for who owns a part of an object; tasks that may not die unnoticed

    program -> api | engine | hub -> admission -> store -> proto.
    The pure rooms import `proto.objects`, the snapshot type and the plan, no more.

Nothing is kept on disk here. Any replica answers requests; one, the leader, runs the loops and serves the nodes.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
"""The scheduler computes with numpy, but no linear algebra, for which numpy would start a thread for each core."""

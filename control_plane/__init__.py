"""The control plane: holds the wishes, and drives the cluster towards them.

    api/          requests of clients: verbs, admission, patching, watch; the hub side of the nodes
    engine/       work queue, reconcile loop, applying plans, leader election, event recorder
    controllers/  PURE: a file per controller, from a snapshot to a plan
    scheduling/   PURE: from pending pods and nodes to placements
    store/        objects in JetStream, and the indexed mirror that everyone reads

    api | engine -> store -> proto.  The pure rooms import `proto.objects`, the snapshot type and the plan, no more.

Nothing is kept on disk here. Any replica answers requests; one, the leader, runs the loops and serves the nodes.
"""

"""The deterministic simulation: a whole cluster with its faults, in virtual time, in one process.

Control planes and agents are the real programs, composed on the ports in memory; only the network, the store and the
workload processes are played. A seed draws the cluster, what its users do and what breaks when; the same seed gives the
same run, down to the last line of its trace, so every bug that a seed finds can be looked at again and again.

    python -m tests.sim 42                   one run, with its trace; see docs/simulation.md

    virtual_time  an event loop whose time jumps when all wait
    programs      programs that can be killed, frozen and thawed within that loop
    cluster       the cluster of one run: network, store, control planes, machines
    faults        what may break, and how it is mended: a table; chaos lets it befall a cluster
    trace         what happened, and its hash

    scenario      Deployments alone, in depth: users (what people do), invariants (what must hold)
    everything    all kinds at once: workloads and people (what is run and done), checks (a promise a file)
    pool          many seeds, a process for each core
"""

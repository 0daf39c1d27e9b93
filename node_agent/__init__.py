"""The node agent: what turns one machine into a node of the cluster and keeps its pods running.

Assignments enter from the hub (`proto.node` messages over NATS), reports of what really runs leave the same way. In
between, `plan` decides (pure), `pods` and `containers` carry out, `runtime` does (a port with drivers), `supervisor`
owns the processes in a program of its own so that they outlive the agent, and `cgroup` bounds and measures them:

    hub ── assign ──> pods.assignments ──> pods ──> plan: view -> steps, status
                                            │ ^
                                   steps    v │ states, health
                 pods.performing, health, volumes, containers, runtime ──> supervisor ──> processes
                                            │
    hub <── status ── pods.reporting <──────┘            hub <── heartbeat ── membership

`machine` is the computer below, `pressure` looks after what it is short of, `storage` keeps what outlives the agent.
`logs` and `streams` serve people who look at programs or talk with them.

The agent may be killed, upgraded or cut off at any moment: nothing it must remember lives only in its memory. What it
was assigned lies in its state directory, what runs is known to the supervisor, and restart counts and back-off are part
of what the supervisor keeps. While the hub is away everything goes on by the rules of the pods.

`program.NodeAgent` puts it together from ports (bus, runtime, clock, ids, machine, storage), so the same agent runs in
a simulation in virtual time. This room imports `proto` and no other room, and it never touches the object store: a
node knows only what was assigned to it.
"""

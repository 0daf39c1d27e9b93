"""Deciding on a node: from what a pod is to what should be done next. Pure.

A pass over one pod goes like this, and starts from nothing but values every time:

    view = PodView(pod, states of its containers, what was reported last, …)
    plan = plan_pod(view, now)      # steps with reasons, the status to report, when to look again

    container_ids   `<pod uid>.<container>.<attempt>`: the attempt is the restart count
    lives           what the runtime says, what it has forgotten and what could not start, as one history
    messages        what a program says of its own end, and how much of that counts
    init_containers whose turn it is: init containers in order, sidecars, then the others
    probes          what a look at a container means, and when to look next
    isolation       what needs more than a process to stand between a program and the machine
    failures        why a container does not come up
    restarts        whether an ended container runs again, and after how long
    images          which images can run (programs of the machine, for now)
    ports           which ports a container gets, and how it learns of them
    expansion       `$(VAR)` as Kubernetes expands it
    environment     a container's variables
    levels          where it stands among the other pods: control groups, the kernel's choice when memory is out
    local_storage   how much of the disk a pod may take
    launch          everything needed to start a container, or why it cannot be started
    conditions      Initialized, Ready and the others
    status          the PodStatus to report
    events          what people are told, from one status to the next
    view            what is known of a pod, the steps there are, and the plan
    scene           a pod as it stands, worked out once a pass
    ending          the steps for a pod that should end
    pod             puts it together: the steps for one pod

Reads: the pod, its config, container states, the time as a value. Returns: steps, status, events.
Never here: asyncio, processes, clocks, logging, files.
"""

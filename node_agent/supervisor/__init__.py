"""The supervisor: the small program that owns the processes of one node and outlives the agent.

Requests enter as JSON lines over a Unix socket; replies and events leave the same way, in the words of
`wire`. It starts programs (`launch`), is their parent, keeps their output (`output`, `logfile`), notices
their end (`reaper`), ends them with all that they left behind (`tree`) and remembers every container on
disk (`record`), so that neither a killed agent nor a killed supervisor loses an exit code, a line of output
or a process. `ends` are our ends of what a program reads and writes, `attaching` gives clients a line to it,
and `fd_store` keeps for the next supervisor what would end with us: terminals, and a stdin that ends once.
`execution` runs commands beside a container's program. `containers` holds them together, `fences` stops what
may not outlive the node's lease, `server` speaks. `client` is the only module that runs inside the agent and
may use asyncio.

Three promises shape everything here:

- *Workloads outlive us.* Their output goes into FIFOs that they themselves hold open for reading and
  writing, so that no SIGPIPE meets them when we die, and their terminals lie with another process as well;
  the next supervisor finds the FIFOs, the terminals, the state files and the processes, and adopts them.
- *Never twice.* A child waits until its pid is on disk before it executes the program. If we die before
  that, it leaves.
- *Small enough to forget.* Standard library only, one thread, one epoll, no polling: idle means asleep.

It decides nothing: no restarts, no back-off, no knowledge of pods. It imports no other room than
`node_agent.cgroup`.
"""

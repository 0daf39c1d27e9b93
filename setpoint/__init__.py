"""What a person holds: the CLI, `setpoint up` and `setpoint demo`.

*Enters*: what a person types. *Leaves*: text for people, and requests to the API.

`cli/` has a file per verb and is light, because `setpoint get pods` must be there in a quarter of a second. `local/`
runs a whole cluster on this host (an embedded NATS server, control planes, machines) for `up`, `demo`, the tests and
the benchmarks. The room starts the control plane and the agents as programs and never imports them: what works
here works the same way on machines that share nothing but a NATS server.
"""

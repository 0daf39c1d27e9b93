"""The runtime: our CRI. The agent says which containers should live; a driver makes processes of them.

`port` is the contract that a third party implements (`containers` its values, `failures` its errors, `abilities` what
a driver may have besides), `process` the driver for supervised host processes, over `supervisor_line`, `fake` the
in-memory machine for simulations and tests, `feed` the level-based stream of changes that both share, `registry` finds
drivers by the entry point group `setpoint.runtimes`, `conformance` is the contract as tests that any driver can be held
to, and `logs` reads what containers printed. Specs and states are frozen values. A driver decides nothing about
restarts: it starts a given id at most once, tells how that life ended, and forgets it when told to. It survives its own
caller: after a restart of the agent `list` still knows every container.
"""

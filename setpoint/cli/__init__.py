"""The command line: a file per verb.

`main` knows the verbs by name and imports only the one that was asked for, so `setpoint get pods` starts in a quarter
of a second. A verb reads its arguments, talks to the cluster through `proto.client`, prints to stdout what was asked
for and to stderr what went wrong, one line each. Exit status: 0 done, 1 refused or failed, 2 wrongly called, 130
interrupted.

Never here: tracebacks for a user's mistake, knowledge of the control plane's or the agent's insides.
"""

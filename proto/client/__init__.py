"""The client that everyone uses: agents, the command line, tests, users' own Python.

    raw     requests and replies as plain dicts: needs no model, so a command line starts fast
    typed   the same with objects: get, list, watch, create, update, patch, delete, scale
    watch   a watch that survives breaks: goes on from the last revision it saw

Errors are `proto.errors`: what the API refused comes back as the same exception that it raised there; a bus that
cannot deliver becomes `Unavailable` (nothing happened) or `Timeout` (nobody knows).
"""

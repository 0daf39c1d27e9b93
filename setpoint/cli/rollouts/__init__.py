"""What people do with rollouts: follow them, look back, go back, hold them, and pass a canary on.

`kinds` is the table of what has rollouts; each other file is one thing to do, for every kind in that table. The words
and the exit statuses are kubectl's.

Reads: objects as dicts. Writes: patches. Never: decides how a rollout goes on; the controllers do.
"""

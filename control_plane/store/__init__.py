"""The store: every object in one JetStream stream, and the mirror that everyone reads.

`port` says what a store does; `nats` does it with JetStream, `memory` inside one process, and one contract suite runs
on both. `mirror` follows a store and answers all reads from indexes (`index`), and keeps the last events for watches
to resume from (`history`). `lifecycle` and `deletion` have the pure rules of writing an object: what a create fills in,
when a generation grows, what a deletion means.

Enter: whole objects with the revision they were read at. Leave: revisions, and a totally ordered feed of changes.
Only `api` and `engine` write. Nobody changes an object without naming the revision that it replaces.
"""

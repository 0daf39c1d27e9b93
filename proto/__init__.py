"""What all sides agree on: objects, names, subjects, encodings, the bus and the client.

This room is a leaf. The control plane, the node agents, the command line and the tests all import it; it imports
none of them. Nothing here decides anything: it says how things are called, how they look on the wire and how a
message reaches the other side.

    objects/   pydantic models in Kubernetes' schema, a file per API group
    catalog    every kind: group, version, resource, scope, short names
    codec      object <-> dict <-> msgpack, JSON
    manifests  what a person writes, YAML or JSON, as plain dicts; and YAML back
    schema     the strict reading of what a person wrote: unknown fields, nearest names, warnings
    names      what a name, a label, a key may be, in Kubernetes' words
    selectors  choosing by labels and fields
    quantity   500m, 64Mi
    printing   objects as the tables that people read
    errors     the refusals, one class a Kubernetes reason
    subjects   every NATS subject is built and parsed there, nowhere else
    node       the messages between the hub and a node
    bus/       publish, subscribe, request: port, NATS, in-memory
    client/    the typed client everyone uses
    clock ids  the only sources of time, sleep, ids and chance
"""

"""The API: what people and programs ask the cluster, as requests on `sp.api.>`.

    server      takes requests from the queue group, a task each, and answers every one, whatever happens
    request     a message read into a Request: route, options, body
    options     the options of each verb
    reading     get and list, from the mirror
    watching    watch, from the mirror
    admission   what is written must be: metadata, namespace, defaults, the rules of its kind
    validation/ the rules, a file for each kind; pure
    warnings    what is accepted and means something else here; pure
    risks       what somebody risks who deletes by force; pure
    writing     create, update, patch; subresources beside it
    deleting    delete, deletecollection
    evicting    the eviction of a pod, if its budgets allow it
    patching    merge patch and JSON patch; pure
    committing  compare-and-swap against the store, again where nobody said which revision he meant
    reply       an answer as JSON, msgpack or a Table
    paging      continue tokens and the lists they stand for
    discovery   what exists

Enter: messages of anyone on the bus, trusted with nothing: every part is checked before it is used. Leave: answers, and
writes to the store. A write is answered after the store has acknowledged it, and carries its revision; whoever reads
at another replica passes that revision as `resourceVersion` and is never answered from an older state.

Any number of replicas serve. None remembers anything between two requests, except the rest of a list that is being
read in pages, which any other replica can take over from the token.

A request that is refused changes nothing, costs little, and is answered with a `Status` whose message a person can
act on. Only a fault of ours is logged as an error, in one line.

Never here: decisions about what should run (controllers), and the nodes' messages (`control_plane.hub`).
"""

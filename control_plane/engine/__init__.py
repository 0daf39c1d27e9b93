"""The engine: makes the pure rooms act. Queues, loops, writes, election, the scheduler's hands, events.

A change in the mirror becomes keys (`queue`), a key becomes a plan (`loop` calls the controller), a plan becomes
writes (`apply`), and what became of the writes decides when the key is looked at again. `scheduler` does the same for
all waiting pods at once. `election` says which replica does all this; `fence` refuses writes after its time.

    queue      keys that wait: once each, backing off each for itself
    loop       one controller: events -> keys -> plan -> outcome
    apply      a plan's actions as compare-and-swap writes
    events     the recorder: counts equal events, never holds anything up
    election   the leader's key and deadline
    fence      no writes after the term
    scheduler  feeds `scheduling` and binds; `pending` holds the pods that wait
    bootstrap  the namespaces that every cluster has
    leader_lease  shows who leads, and is the first write of a term

Enter: the mirror's events. Leave: writes against the revision that a decision stood on, with a reason in the log.
Everything runs on one event loop and a controller is called synchronously, so the mirror does not move while it
decides. Never here: a decision about what should run.
"""

"""What an agent keeps over its own restarts: who it was, what it was assigned, and the pods' directories.

`port` says what is kept, `disk` keeps it in the state directory, `memory` in an object that stands for one.

    <state-dir>/lock                            held while an agent works here
    <state-dir>/identity.msgpack                machine id and incarnations
    <state-dir>/pods/<uid>/record.msgpack       assignment, chosen ports, status reported last
    <state-dir>/pods/<uid>/files/               the containers' working directory
    <state-dir>/pods/<uid>/logs/<container>/    their output, a file for each attempt

Everything of a pod lies in one directory, so that nothing is left when it is removed.
"""

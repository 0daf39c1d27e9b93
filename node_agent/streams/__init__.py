"""What people do with running programs from afar: talk with commands in containers, and more that is made of bytes.

Enters: requests on `down.*` subjects of this node, each with the reply subject of a client. Leaves: streams of bytes
(`proto.streams`) and conversations (`proto.duplex`), at the client's pace.

    requests      reading what clients ask for
    finding       which pod, which container, which life of it
    descriptors   reading and writing pipes and terminals without waiting in the loop
    ends          our ends of a command's stdin, stdout and stderr
    conversation  one command and one client, until either has ended
    execution     `down.exec` and `down.copy`
    copies        the command that copies
    attaching     `down.attach`
    forwarding    `down.portforward`
    listing       `down.processes`
    metering      `down.usage`
    servers       all of them

Rules of the room: nothing is kept in memory but what is on its way (the window of a stream, the buffer of a pipe), so
that a slow client slows its own command down and nothing else. A conversation ends, and its processes with it, when its
client is gone, when this agent ends, and when the bus is cut; a container's own program goes on whoever is attached to
it. Never: anything of a container's own life.
"""

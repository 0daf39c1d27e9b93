"""Control groups: how much a workload may use, how much it uses, and how to end all of it at once.

A group enters as a relative path (`workloads/<container>`) and a set of `Limits`; figures of usage leave.
Four drivers stand behind one port: `v2` (the unified hierarchy, delegated by systemd), `v1` (one tree per
controller), `hybrid` (v1 controllers plus a v2 tree without controllers, whose `cgroup.kill` ends a group
without a race) and `none`, whose abilities are empty so that the node can say what is missing. `detect`
picks one by what this process may really write.

Everything here is standard library only and cheap to import, since the supervisor uses it within a 15 MB
budget. Nothing here touches a directory that it did not create below its own base, except the controllers
it enables on the way there.
"""

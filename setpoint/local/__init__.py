"""A whole cluster on this host: an embedded NATS server, control planes, and machines with an agent each.

    async with LocalCluster(ClusterShape(data_dir=folder, machines=("m1", "m2"))) as cluster:
        print(cluster.url)                       # where the API answers
        await cluster.machines["m1"].cut()       # its link goes down; nothing is closed

From the ground up:

- `machine_init`, `process_tree` — a tree of processes that starts, freezes and dies as one, and never outlives its
  owner, however that one ends.
- `machines` — what a machine is here, and which kind this host can give: `netns` (network namespaces on a bridge,
  as root) or `groups` (process trees on loopback, for everyone). `links` holds the netlink calls.
- `nats_server`, `nats_probe` — the embedded server, durable by default, and the question whether it is ready.
- `kept` — a program that is started again when it dies, as systemd does it with `Restart=always`.
- `cluster` — all of it together, with an ordered start and stop.

*Reads*: this host's links, routes and processes. *Writes*: below the data folder of the cluster, and the links it
made. *Never*: touches a process or a link that is not its own, or knows anything about pods.
"""

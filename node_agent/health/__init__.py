"""Looking at containers, and doing what their hooks say: the I/O of probes and hooks.

`plan.probes` decides when to look and what a look means; here it is done.

    prober    keeps the probes of all running containers, one alarm for all of them
    actions   one look or one hook: a command, a request, a connection, a pause
    http      a GET request as the kubelet sends it (h11 on asyncio's streams)
    tcp       whether a connection opens

Nothing here needs the hub: probes go on, and containers are restarted for them, while the node is cut off.
"""

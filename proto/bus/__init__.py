"""The bus: publish, subscribe, request. What every program has instead of connections to the others.

`port` says what a bus does, `nats` does it over a NATS server, `memory` inside one process (and one event loop, whose
time may be virtual), with `links` that a test can cut, slow down or make lossy. `interest` is who listens to what.
"""

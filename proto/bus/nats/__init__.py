"""The bus over NATS: `bus` is the port's implementation, `client` what nats-py needs to keep the port's promises."""

from proto.bus.nats.bus import CONNECT_WITHIN_S, NatsBus, NatsSubscription

__all__ = ["CONNECT_WITHIN_S", "NatsBus", "NatsSubscription"]

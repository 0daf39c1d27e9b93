"""Every NATS subject and stream name, built and parsed here and nowhere else.

    sp.api.<verb>.<group>.<resource>[/<subresource>].<namespace | _>[.<name>]   requests of clients
    sp.api.gc.meta.garbage._          one garbage collection, see `proto.garbage`
    sp.api.plan.meta.forecast._       what would become of pods, see `proto.forecast`
    sp.node.<node>.up.<message>       a node to the leader
    sp.node.<node>.down.<message>     the leader, or a client, to a node
    sp.obj.<group>.<resource>.<namespace | _>.<name>    one object in the stream

Names may hold dots (`10.240.79.157`), so a name is all that is left of a subject; where a node must be one token its
dots are written as underscores, which no DNS name contains. `_` in the place of a namespace means: none, or all.
"""

from __future__ import annotations

from dataclasses import dataclass

from proto.catalog import Kind

API_PREFIX = "sp.api"
NODE_PREFIX = "sp.node"
OBJECT_PREFIX = "sp.obj"
LEADER_PREFIX = "sp.leader"

GC = f"{API_PREFIX}.gc.meta.garbage._"
FORECAST = f"{API_PREFIX}.plan.meta.forecast._"

API_QUEUE = "sp-api"
"""The queue group in which control-plane replicas share the requests."""

OBJECT_STREAM = "sp-objects"
LEADER_STREAM = "sp-leader"

NO_NAMESPACE = "_"

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


@dataclass(frozen=True, slots=True)
class Route:
    """What a request's subject asks for. `namespace` and `name` are "" where none is given."""

    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str


def api(verb: str, kind: Kind, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """The subject of a request."""
    resource = f"{kind.resource}/{subresource}" if subresource else kind.resource
    tokens = [API_PREFIX, verb, kind.group_token, resource, namespace or NO_NAMESPACE]
    if name:
        tokens.append(name)
    return ".".join(tokens)


def parse_api(subject: str, *, namespaced: bool | None = None) -> Route | None:
    """Read a request's subject; None if it has too few tokens to be one.

    For a cluster-scoped resource (`namespaced=False`) the `_` may be left out; the caller knows the scope only after
    the group and resource are read, and may parse again with it.
    """
    tokens = subject.split(".")
    if len(tokens) < 5 or tokens[:2] != API_PREFIX.split("."):
        return None
    verb, group, resource = tokens[2:5]
    resource, _, subresource = resource.partition("/")
    rest = tokens[5:]
    namespace = ""
    if rest and (rest[0] == NO_NAMESPACE or namespaced is not False):
        namespace = "" if rest[0] == NO_NAMESPACE else rest[0]
        rest = rest[1:]
    return Route(verb, group, resource, subresource, namespace, ".".join(rest))


def object_key(kind: Kind, namespace: str, name: str) -> str:
    """The stream's subject of one object."""
    return f"{OBJECT_PREFIX}.{kind.group_token}.{kind.resource}.{namespace or NO_NAMESPACE}.{name}"


def node_token(node: str) -> str:
    """A node's name as one token."""
    return node.replace(".", "_")


def node_name(token: str) -> str:
    """The node's name back from its token."""
    return token.replace("_", ".")


def node_up(node: str, message: str) -> str:
    """From a node to the leader: heartbeat, register, status, sync, goodbye."""
    return f"{NODE_PREFIX}.{node_token(node)}.up.{message}"


def node_down(node: str, message: str) -> str:
    """To a node: assign, clean, logs, …"""
    return f"{NODE_PREFIX}.{node_token(node)}.down.{message}"


def parse_node(subject: str) -> tuple[str, str, str]:
    """(node name, direction, message) of a node subject."""
    _, _, token, direction, message = subject.split(".", 4)
    return node_name(token), direction, message


def leader_key(name: str) -> str:
    """The subject of a key of the leader stream: `leader`, `epoch`."""
    return f"{LEADER_PREFIX}.{name}"

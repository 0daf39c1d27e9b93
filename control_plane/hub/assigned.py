"""What a node should hold, as messages and their digest. PURE.

The version under which a pod is sent (in the place of its resourceVersion) is computed from what the node needs to
know of it: its generation, and a hash of its labels, annotations, grace, readiness gates and config. So most writes of
its status do not send the pod again, and a new leader finds the same versions and digests as its predecessor without
having been told.

Within one pod a higher generation is a higher version, so that a node can tell an overtaken message. Versions of the
same generation have no order; a node that refuses one finds that its digest differs and asks for everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from control_plane.plan import Snapshot
from proto import codec
from proto.ids import hash64
from proto.node import DIGEST_MODULUS, Assignment, Assignments, pod_digest
from proto.objects.core import ConfigMap
from proto.objects.env import EnvFromSource, EnvVarSource
from proto.objects.meta import evolve
from proto.objects.pod import Pod
from proto.objects.secret import Secret
from proto.objects.volumes import Volume

HASH_BITS = 44
WITHHELD = "0"
"""The version of a pod that was sent without its config, because message space was short: never the right one."""

UNMEASURED_MAX = 16
"""So many pods without config are taken to fit one message."""

TOGETHER_MAX = 50
"""So many pods go in one message: the node has all of them in its memory at once while it reads that."""

ConfigKey = tuple[str, str, str]
"""Kind, namespace and name of a ConfigMap or Secret."""

Config = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One pod as its node should hold it, and the ConfigMaps and Secrets that it refers to."""

    assignment: Assignment
    config_keys: tuple[ConfigKey, ...]

    @property
    def with_config(self) -> bool:
        """Whether anything is sent with the pod."""
        return bool(self.assignment.config or self.assignment.secrets or self.assignment.binaries)

    @property
    def config_bytes(self) -> int:
        """About how much is sent with the pod."""
        sources = (
            *self.assignment.config.values(),
            *self.assignment.secrets.values(),
            *self.assignment.binaries.values(),
        )
        return sum(len(key) + len(value) for data in sources for key, value in data.items())

    @property
    def version(self) -> str:
        """The version under which it is sent."""
        return self.assignment.pod.metadata.resource_version

    def without_config(self) -> Wanted:
        """The same with its config withheld, to be sent after it."""
        pod = evolve(self.assignment.pod, **{"metadata.resource_version": WITHHELD})
        return Wanted(Assignment(pod=pod), self.config_keys)


def wanted(pod: Pod, snapshot: Snapshot) -> Wanted:
    """The pod as its node should hold it now."""
    keys = config_keys(pod)
    config: Config = {}
    secrets: Config = {}
    binaries: Config = {}
    sources = []
    for kind, namespace, name in keys:
        source: ConfigMap | Secret | None
        if kind == Secret.KIND:
            source, known = snapshot.get(Secret, namespace, name), secrets
        else:
            source, known = snapshot.get(ConfigMap, namespace, name), config
        if source is not None:
            known[name] = source.data
            if isinstance(source, ConfigMap) and source.binary_data:
                binaries[name] = source.binary_data
            sources.append(f"{kind} {name} {source.metadata.uid} {source.metadata.revision}")
    sent = evolve(pod, **{"metadata.resource_version": version_of(pod, sources)})
    return Wanted(Assignment(pod=sent, config=config, secrets=secrets, binaries=binaries), keys)


def version_of(pod: Pod, sources: Iterable[str]) -> str:
    """A number, as text, that changes whenever something changes that the node needs to know."""
    meta = pod.metadata
    content = hash64(
        meta.deletion_timestamp,
        meta.deletion_grace_period_seconds,
        sorted(meta.labels.items()),
        sorted(meta.annotations.items()),
        *gates_of(pod),
        *sources,
    )
    return str(((meta.generation or 0) + 1 << HASH_BITS) | content >> (64 - HASH_BITS))


def config_keys(pod: Pod) -> tuple[ConfigKey, ...]:
    """The ConfigMaps and Secrets that the pod's containers and volumes refer to, each once."""
    named: dict[tuple[str, str], None] = {}
    for volume in pod.spec.volumes:
        named.update(dict.fromkeys(_mounted(volume)))
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        for source in container.env_from:
            named.update(dict.fromkeys(_whole(source)))
        for variable in container.env:
            if variable.value_from is not None:
                named.update(dict.fromkeys(_single(variable.value_from)))
    return tuple((kind, pod.metadata.namespace, name) for kind, name in named)


def _mounted(volume: Volume) -> Iterator[tuple[str, str]]:
    if volume.config_map is not None:
        yield ConfigMap.KIND, volume.config_map.name
    if volume.secret is not None:
        yield Secret.KIND, volume.secret.secret_name
    for source in volume.projected.sources if volume.projected is not None else ():
        if source.config_map is not None:
            yield ConfigMap.KIND, source.config_map.name
        if source.secret is not None:
            yield Secret.KIND, source.secret.name


def _whole(source: EnvFromSource) -> Iterator[tuple[str, str]]:
    if source.config_map_ref is not None:
        yield ConfigMap.KIND, source.config_map_ref.name
    if source.secret_ref is not None:
        yield Secret.KIND, source.secret_ref.name


def _single(source: EnvVarSource) -> Iterator[tuple[str, str]]:
    if source.config_map_key_ref is not None:
        yield ConfigMap.KIND, source.config_map_key_ref.name
    if source.secret_key_ref is not None:
        yield Secret.KIND, source.secret_key_ref.name


def gates_of(pod: Pod) -> tuple[str, ...]:
    """What stands in the status for each readiness gate: others set it, and the node works out `Ready` from it."""
    told = {condition.type: condition.status for condition in pod.status.conditions}
    return tuple(f"{gate.condition_type}={told.get(gate.condition_type, '')}" for gate in pod.spec.readiness_gates)


def node_need_not_know(old: Pod, new: Pod) -> bool:
    """Whether a change of a pod is none for its node (most are: they are the node's own reports)."""
    before, after = old.metadata, new.metadata
    return (
        old.spec.node_name == new.spec.node_name
        and before.uid == after.uid
        and before.generation == after.generation
        and before.deletion_timestamp == after.deletion_timestamp
        and before.deletion_grace_period_seconds == after.deletion_grace_period_seconds
        and before.labels == after.labels
        and before.annotations == after.annotations
        and (not new.spec.readiness_gates or gates_of(old) == gates_of(new))
    )


def fitting_full(pods: list[Wanted], epoch: int, bytes_max: int, sequence: int = 0) -> tuple[bytes, list[Wanted]]:
    """A full message of at most `bytes_max` (if at all possible), and the pods whose config had to be withheld.

    The greatest configs are withheld first; they follow in messages of their own.
    """
    withheld: list[Wanted] = []
    by_size = sorted((pod for pod in pods if pod.with_config), key=lambda pod: pod.config_bytes)
    sent = {pod.assignment.pod.metadata.uid: pod for pod in pods}
    while True:
        message = Assignments(
            epoch=epoch,
            sequence=sequence,
            full=True,
            pods=tuple(pod.assignment for pod in sent.values()),
            digest=digest_of(sent.values()),
        )
        data = codec.pack(message)
        if len(data) <= bytes_max or not by_size:
            return data, withheld
        excess, count = len(data) - bytes_max, len(by_size)
        while by_size and (excess > 0 or len(by_size) == count):
            largest = by_size.pop()
            excess -= largest.config_bytes
            sent[largest.assignment.pod.metadata.uid] = largest.without_config()
            withheld.append(largest)


def fitting_groups(pods: list[Wanted], bytes_max: int) -> list[list[Wanted]]:
    """`pods` in groups that each fit one message, and its reader; few ones without config are not measured."""
    if len(pods) <= UNMEASURED_MAX and not any(pod.with_config for pod in pods):
        return [pods] if pods else []
    groups: list[list[Wanted]] = []
    room = 0
    for pod in pods:
        size = len(codec.pack(pod.assignment))
        if size > room or not groups or len(groups[-1]) == TOGETHER_MAX:
            groups.append([])
            room = bytes_max
        groups[-1].append(pod)
        room -= size
    return groups


def digest_of(pods: Iterable[Wanted]) -> int:
    """The digest of a node that holds exactly these."""
    return sum(pod_digest(pod.assignment.pod.metadata.uid, pod.version) for pod in pods) % DIGEST_MODULUS

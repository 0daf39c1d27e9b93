"""What is in a pod's volumes, and where a container finds them.

Files made of ConfigMaps, Secrets and the pod itself are a value here: writing them is for `node_agent.volumes`. What
is missing is a `ConfigProblem`, in the kubelet's words. Source: Kubernetes, "Volumes", "Projected volumes".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from posixpath import normpath

from node_agent.plan.config import Config, ConfigProblem, Texts
from node_agent.plan.environment import Host, pod_field, resource_amount
from node_agent.plan.expansion import expand
from proto.base64_text import decoded
from proto.objects.container import Container
from proto.objects.pod import Pod
from proto.objects.volumes import DownwardAPIVolumeFile, HostPathVolumeSource, KeyToPath, Volume, VolumeMount
from proto.quantity import whole

MEMORY = "Memory"


@dataclass(frozen=True, slots=True)
class File:
    """What is in a file, and its permissions."""

    data: bytes
    mode: int


@dataclass(frozen=True, slots=True)
class Content:
    """A volume as it should be: exactly one of the three.

    `files` (by their paths), an empty folder (`medium` is where), or something of the machine. `size_bytes` is what an
    empty folder in memory may hold, None where only the machine's memory bounds it.
    """

    files: Mapping[str, File] | None = None
    medium: str | None = None
    size_bytes: int | None = None
    host: HostPathVolumeSource | None = None


@dataclass(frozen=True, slots=True)
class MountPoint:
    """Where a container finds a volume, or a part of it."""

    volume: str
    path: str
    sub_path: str = ""
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Volumes:
    """What a container needs: the volumes that it mounts, by name, and where it finds them."""

    contents: Mapping[str, Content] = field(default_factory=dict)
    mounts: tuple[MountPoint, ...] = ()


def volumes_of(pod: Pod, container: Container, config: Config, host: Host, env: Mapping[str, str]) -> Volumes:
    """What the container mounts; `env` are its variables.

    Raises:
        ConfigProblem: a ConfigMap, a Secret or a key of it is missing and not optional.
    """
    wanted = {mount.name for mount in container.volume_mounts}
    contents = {
        volume.name: content_of(volume, pod, config, host) for volume in pod.spec.volumes if volume.name in wanted
    }
    mounts = tuple(
        MountPoint(
            mount.name, mount.mount_path, _part(mount, env), mount.read_only or _is_made_of_files(contents[mount.name])
        )
        for mount in container.volume_mounts
    )
    return Volumes(contents, mounts)


def _part(mount: VolumeMount, env: Mapping[str, str]) -> str:
    return expand(mount.sub_path_expr, env) if mount.sub_path_expr else mount.sub_path


def changing_files(pod: Pod, config: Config, host: Host) -> dict[str, Mapping[str, File]]:
    """The files of every volume that can be told now: what is missing leaves a volume as it is."""
    found: dict[str, Mapping[str, File]] = {}
    for volume in pod.spec.volumes:
        try:
            files = content_of(volume, pod, config, host).files
        except ConfigProblem:
            continue
        if files is not None:
            found[volume.name] = files
    return found


def content_of(volume: Volume, pod: Pod, config: Config, host: Host) -> Content:
    """What should be in a volume.

    Raises:
        ConfigProblem: something that it is made of is missing.
    """
    try:
        if volume.empty_dir is not None:
            in_memory = volume.empty_dir.medium == MEMORY
            return Content(medium=volume.empty_dir.medium, size_bytes=_memory_size(volume, pod) if in_memory else None)
        if volume.host_path is not None:
            return Content(host=volume.host_path)
        return Content(files=_apart({normpath(path): file for path, file in _files(volume, pod, config, host)}))
    except ConfigProblem as problem:
        raise ConfigProblem(f'MountVolume.SetUp failed for volume "{volume.name}" : {problem}') from None


def _memory_size(volume: Volume, pod: Pod) -> int | None:
    """How large a file system in memory is: its limit, and no more than all memory that the pod may use.

    What is in it counts as memory of the container that wrote it (Kubernetes: `SizeMemoryBackedVolumes`).
    """
    assert volume.empty_dir is not None
    containers = (*pod.spec.containers, *pod.spec.init_containers)
    limits = [whole(container.resources.limits.get("memory", "0")) for container in containers]
    bounds = [whole(volume.empty_dir.size_limit or "0"), sum(limits) if all(limits) else 0]
    return min((bound for bound in bounds if bound > 0), default=None)


def _apart(files: dict[str, File]) -> dict[str, File]:
    """The files, none of which may have to be a folder, too."""
    for path in files:
        for parent in PurePosixPath(path).parents:
            if str(parent) in files:
                raise ConfigProblem(
                    f'"{path}" cannot be in the volume: "{parent}" is a file, so nothing can be below it'
                )
    return files


def _is_made_of_files(content: Content) -> bool:
    return content.files is not None


def _files(volume: Volume, pod: Pod, config: Config, host: Host) -> Iterable[tuple[str, File]]:
    if (source := volume.config_map) is not None:
        return _of_config_map(source.name, source.items, source.default_mode, source.optional, config)
    if (secret := volume.secret) is not None:
        return _of_secret(secret.secret_name, secret.items, secret.default_mode, secret.optional, config)
    if (downward := volume.downward_api) is not None:
        return _of_pod(downward.items, downward.default_mode, pod, host)
    if volume.projected is not None:
        return _projected(volume, pod, config, host)
    raise ConfigProblem("it has no source that this version knows")


def _projected(volume: Volume, pod: Pod, config: Config, host: Host) -> Iterator[tuple[str, File]]:
    assert volume.projected is not None
    mode = volume.projected.default_mode
    for index, source in enumerate(volume.projected.sources):
        if source.config_map is None and source.secret is None and source.downward_api is None:
            raise ConfigProblem(f"sources[{index}] is none that this version knows: configMap, secret, downwardAPI")
        if (one := source.config_map) is not None:
            yield from _of_config_map(one.name, one.items, mode, one.optional, config)
        if (secret := source.secret) is not None:
            yield from _of_secret(secret.name, secret.items, mode, secret.optional, config)
        if source.downward_api is not None:
            yield from _of_pod(source.downward_api.items, mode, pod, host)


def _of_config_map(
    name: str, items: tuple[KeyToPath, ...], mode: int, optional: bool | None, config: Config
) -> Iterator[tuple[str, File]]:
    texts = config.config_map(name, optional=bool(optional))
    data = {key: text.encode() for key, text in texts.items()} | _bytes(config.binaries.get(name, {}))
    return _chosen(data, items, mode, "configmap references non-existent config key", optional=bool(optional))


def _of_secret(
    name: str, items: tuple[KeyToPath, ...], mode: int, optional: bool | None, config: Config
) -> Iterator[tuple[str, File]]:
    data = _bytes(config.secret_data(name, optional=bool(optional)))
    return _chosen(data, items, mode, "references non-existent secret key", optional=bool(optional))


def _bytes(values: Texts) -> dict[str, bytes]:
    return {key: decoded(value) or b"" for key, value in values.items()}


def _chosen(
    data: Mapping[str, bytes], items: tuple[KeyToPath, ...], mode: int, problem: str, *, optional: bool
) -> Iterator[tuple[str, File]]:
    if not items:
        yield from ((key, File(value, mode)) for key, value in data.items())
    for item in items:
        if item.key in data:
            yield item.path, File(data[item.key], mode if item.mode is None else item.mode)
        elif not optional:
            raise ConfigProblem(f"{problem}: {item.key}")


def _of_pod(items: tuple[DownwardAPIVolumeFile, ...], mode: int, pod: Pod, host: Host) -> Iterator[tuple[str, File]]:
    for item in items:
        text = ""
        if item.field_ref is not None:
            text = _field(item.field_ref.field_path, pod, host)
        elif item.resource_field_ref is not None:
            text = resource_amount(item.resource_field_ref, pod, None, host)
        yield item.path, File(text.encode(), mode if item.mode is None else item.mode)


def _field(path: str, pod: Pod, host: Host) -> str:
    """A field; all labels or annotations in the form that Kubernetes gives them."""
    whole = {"metadata.labels": pod.metadata.labels, "metadata.annotations": pod.metadata.annotations}
    if path not in whole:
        return pod_field(path, pod, host)
    return "\n".join(f"{key}={_quoted(value)}" for key, value in sorted(whole[path].items()))


def _quoted(text: str) -> str:
    """As Go quotes a text, as far as labels and annotations need it."""
    escaped = (
        text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    )
    return f'"{escaped}"'

"""What volumes and their mounts must be; types and ranges of numbers are the schema's.

Source: Kubernetes `pkg/apis/core/validation/validation.go` (ValidateVolumes, ValidateVolumeMounts).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from posixpath import normpath
from typing import Any

from control_plane.api.validation.downward import check_field_path, check_resource_field
from control_plane.api.validation.problems import Problems
from proto import names
from proto.objects.volumes import DownwardAPIVolumeFile, KeyToPath, Volume, VolumeMount, VolumeProjection
from proto.paths import place_of
from proto.quantity import parse_quantity

_SOURCES = ("config_map", "secret", "downward_api", "projected", "empty_dir", "host_path")


def check_volumes(volumes: Sequence[Volume], path: str, problems: Problems) -> None:
    """The volumes of a pod."""
    seen: set[str] = set()
    for index, volume in enumerate(volumes):
        own = f"{path}[{index}]"
        problems.name(f"{own}.name", volume.name, names.label_problem(volume.name))
        if volume.name in seen:
            problems.duplicate(f"{own}.name", volume.name)
        seen.add(volume.name)
        given = [field for field in _SOURCES if getattr(volume, field) is not None]
        for field in given[1:]:
            wire = type(volume).model_fields[field].alias or field
            problems.forbidden(f"{own}.{wire}", "may not specify more than 1 volume type")
        _check_source(volume, own, problems)


def _check_source(volume: Volume, path: str, problems: Problems) -> None:
    if (config := volume.config_map) is not None:
        _check_named(config.name, config.items, f"{path}.configMap", "name", problems)
    if (secret := volume.secret) is not None:
        _check_named(secret.secret_name, secret.items, f"{path}.secret", "secretName", problems)
    if volume.downward_api is not None:
        _check_downward(volume.downward_api.items, f"{path}.downwardAPI", problems)
    if volume.projected is not None:
        _check_projections(volume.projected.sources, f"{path}.projected.sources", problems)
    size = volume.empty_dir.size_limit if volume.empty_dir is not None else None
    if size is not None and parse_quantity(size) < 0:
        problems.invalid(f"{path}.emptyDir.sizeLimit", size, "must be greater than or equal to 0")
    if (host := volume.host_path) is not None:
        problems.no_nul(f"{path}.hostPath.path", host.path)
        if not host.path:
            problems.required(f"{path}.hostPath.path")
        elif ".." in host.path.split("/"):
            problems.invalid(f"{path}.hostPath.path", host.path, "must not contain '..'")
        elif not host.path.startswith("/"):
            problems.invalid(f"{path}.hostPath.path", host.path, "must be an absolute path")


def _check_projections(sources: Sequence[VolumeProjection], path: str, problems: Problems) -> None:
    """Each good in itself, and none with a file of the same path as another's."""
    seen: set[str] = set()
    for index, source in enumerate(sources):
        own = f"{path}[{index}]"
        _check_projection(source, own, problems)
        for field, path_in_volume in _chosen_paths(source):
            if normpath(path_in_volume) in seen:
                problems.invalid(f"{own}.{field}.path", path_in_volume, "conflicting duplicate paths")
            seen.add(normpath(path_in_volume))


def _chosen_paths(source: VolumeProjection) -> Iterator[tuple[str, str]]:
    """The paths that a source names itself, each with the field that it stands in."""
    for field, keyed in (("configMap", source.config_map), ("secret", source.secret)):
        for index, key in enumerate(keyed.items if keyed is not None else ()):
            yield f"{field}.items[{index}]", key.path
    for index, item in enumerate(source.downward_api.items if source.downward_api is not None else ()):
        yield f"downwardAPI.items[{index}]", item.path


def _check_projection(source: VolumeProjection, path: str, problems: Problems) -> None:
    given = [one for one in (source.config_map, source.secret, source.downward_api) if one is not None]
    if len(given) > 1:
        problems.forbidden(path, "may not specify more than 1 volume type")
    if (config := source.config_map) is not None:
        _check_named(config.name, config.items, f"{path}.configMap", "name", problems)
    if (secret := source.secret) is not None:
        _check_named(secret.name, secret.items, f"{path}.secret", "name", problems)
    if source.downward_api is not None:
        _check_downward(source.downward_api.items, f"{path}.downwardAPI", problems)


def _check_named(name: str, items: Sequence[KeyToPath], path: str, field: str, problems: Problems) -> None:
    if not name:
        problems.required(f"{path}.{field}")
    else:
        problems.name(f"{path}.{field}", name, names.subdomain_problem(name))
    for index, item in enumerate(items):
        own = f"{path}.items[{index}]"
        if not item.key:
            problems.required(f"{own}.key")
        _check_inside(item.path, f"{own}.path", problems)


def _check_downward(items: Sequence[DownwardAPIVolumeFile], path: str, problems: Problems) -> None:
    for index, item in enumerate(items):
        own = f"{path}.items[{index}]"
        _check_inside(item.path, f"{own}.path", problems)
        if item.field_ref is not None and item.resource_field_ref is not None:
            problems.invalid(own, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
        elif item.field_ref is not None:
            check_field_path(item.field_ref.field_path, f"{own}.fieldRef.fieldPath", problems, whole=True)
        elif item.resource_field_ref is not None:
            if not item.resource_field_ref.container_name:
                problems.required(f"{own}.resourceFieldRef.containerName")
            check_resource_field(item.resource_field_ref, f"{own}.resourceFieldRef", problems)
        else:
            problems.required(own, "one of fieldRef and resourceFieldRef is required")


def _check_inside(path: str, field: str, problems: Problems) -> None:
    """The path of a file that leads nowhere else, and is none of the names by which files are changed at once."""
    problems.no_nul(field, path)
    if not path:
        problems.required(field)
    elif path.startswith("/"):
        problems.invalid(field, path, "must be a relative path")
    elif ".." in path.split("/"):
        problems.invalid(field, path, "must not contain '..'")
    elif path.startswith(".."):
        problems.invalid(field, path, "must not start with '..'")
    elif normpath(path) == ".":
        problems.invalid(field, path, "must be the path of a file")


def check_mounts(mounts: Sequence[VolumeMount], volumes: Sequence[Volume], path: str, problems: Problems) -> None:
    """Where a container finds the volumes of its pod."""
    known: set[Any] = {volume.name for volume in volumes}
    seen: set[str] = set()
    for index, mount in enumerate(mounts):
        own, place = f"{path}[{index}]", place_of(mount.mount_path)
        if not mount.name:
            problems.required(f"{own}.name")
        elif mount.name not in known:
            problems.not_found(f"{own}.name", mount.name)
        if not mount.mount_path:
            problems.required(f"{own}.mountPath")
        elif not mount.mount_path.startswith("/"):
            problems.invalid(f"{own}.mountPath", mount.mount_path, "must be an absolute path")
        elif place in seen:
            problems.invalid(f"{own}.mountPath", mount.mount_path, "must be unique")
        elif place == "/":
            problems.invalid(f"{own}.mountPath", mount.mount_path, "must not be the root of the file system")
        problems.no_nul(f"{own}.mountPath", mount.mount_path)
        seen.add(place)
        _check_part(mount, own, problems)


def _check_part(mount: VolumeMount, path: str, problems: Problems) -> None:
    """A part of a volume, and whether what is below it is read-only."""
    if mount.sub_path and mount.sub_path_expr:
        problems.invalid(f"{path}.subPathExpr", mount.sub_path_expr, "subPathExpr and subPath are mutually exclusive")
    for field, part in (("subPath", mount.sub_path), ("subPathExpr", mount.sub_path_expr)):
        problems.no_nul(f"{path}.{field}", part)
        if part.startswith("/"):
            problems.invalid(f"{path}.{field}", part, "must be a relative path")
        elif ".." in part.split("/"):
            problems.invalid(f"{path}.{field}", part, "must not contain '..'")
    if mount.recursive_read_only not in (None, "Disabled") and not mount.read_only:
        problems.forbidden(f"{path}.recursiveReadOnly", "may only be specified when readOnly is true")

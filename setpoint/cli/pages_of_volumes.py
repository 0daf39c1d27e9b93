"""What `describe` shows of a pod's volumes, and of where its containers find them; in kubectl's words. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from setpoint.cli.page_parts import Item, field, indented

_TYPES = {
    "configMap": "ConfigMap (a volume populated by a ConfigMap)",
    "secret": "Secret (a volume populated by a Secret)",
    "downwardAPI": "DownwardAPI (a volume populated by information about the pod)",
    "projected": "Projected (a volume that contains injected data from multiple sources)",
    "emptyDir": "EmptyDir (a temporary directory that shares a pod's lifetime)",
    "hostPath": "HostPath (bare host directory volume)",
}


def mounts(container: Item) -> list[str]:
    """`/etc/web from settings (ro,path="web.conf")`, one a line; nothing if there are none."""
    lines = [f"{one['mountPath']} from {one['name']} ({_how(one)})" for one in container.get("volumeMounts", ())]
    return ["Mounts:", *indented(lines)] if lines else []


def volumes(spec: Item) -> list[str]:
    """The section about volumes; nothing if there are none."""
    lines = [line for volume in spec.get("volumes", ()) for line in _volume(volume)]
    return ["Volumes:", *indented(lines)] if lines else []


def _how(mount: Item) -> str:
    part = mount.get("subPath") or mount.get("subPathExpr")
    return ("ro" if mount.get("readOnly") else "rw") + (f',path="{part}"' if part else "")


def _volume(volume: Item) -> list[str]:
    kind = next((kind for kind in _TYPES if kind in volume), None)
    if kind is None:
        return [f"{volume['name']}:", *indented([field("Type", "of a source that is not implemented here")])]
    return [f"{volume['name']}:", *indented([field("Type", _TYPES[kind]), *_details(kind, volume[kind])])]


def _details(kind: str, source: Item) -> list[str]:
    match kind:
        case "configMap":
            return [field("Name", source.get("name", "")), *_items(source), field("Optional", _optional(source))]
        case "secret":
            name = source.get("secretName", "")
            return [field("SecretName", name), *_items(source), field("Optional", _optional(source))]
        case "downwardAPI":
            return _fields(source.get("items", ()))
        case "projected":
            return [line for one in source.get("sources", ()) for line in _projection(one)]
        case "emptyDir":
            return [field("Medium", source.get("medium", "")), field("SizeLimit", source.get("sizeLimit", "<unset>"))]
    return [field("Path", source["path"]), field("HostPathType", source.get("type", ""))]


def _projection(source: Item) -> list[str]:
    lines: list[str] = []
    if config := source.get("configMap"):
        lines += [field("ConfigMapName", config.get("name", "")), field("Optional", _optional(config))]
    if secret := source.get("secret"):
        lines += [field("SecretName", secret.get("name", "")), field("Optional", _optional(secret))]
    return lines + _fields(source.get("downwardAPI", {}).get("items", ()))


def _fields(items: Iterable[Item]) -> list[str]:
    return [field("Item", f"{_told(item)} -> {item['path']}") for item in items]


def _told(item: Item) -> str:
    if reference := item.get("resourceFieldRef"):
        return f"{reference['resource']} of {reference.get('containerName', '')}"
    return str(item.get("fieldRef", {}).get("fieldPath", ""))


def _items(source: Item) -> list[str]:
    return [field("Item", f"{item['key']} -> {item['path']}") for item in source.get("items", ())]


def _optional(source: Item) -> str:
    return str(bool(source.get("optional"))).lower()

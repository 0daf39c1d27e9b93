"""What `describe` shows of ConfigMaps, Secrets, and of what a container takes from them. Pure.

Never: shows a value of a Secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proto.base64_text import decoded
from setpoint.cli.page_parts import Item, field, indented


def config_map(item: Item) -> list[str]:
    """Texts as they are, of what is no text the size."""
    lines = ["Data:"]
    for key, text in sorted(item.get("data", {}).items()):
        lines += indented([f"{key}:", *indented(text.splitlines() or [""])])
    if item.get("binaryData"):
        lines += ["Binary Data:", *_sizes(item["binaryData"])]
    return lines


def secret(item: Item) -> list[str]:
    """Its keys, and how long their values are."""
    return [field("Type", item.get("type", "")), "Data:", *_sizes(item.get("data", {}))]


def environment(container: Item) -> list[str]:
    """The container's variables; of a reference what it points at, in kubectl's words."""
    lines = []
    if sources := container.get("envFrom"):
        lines += ["Environment Variables from:", *indented([_source(source) for source in sources])]
    variables = [f"{variable['name']}={_value(variable)}" for variable in container.get("env", ())]
    return [*lines, field("Environment", ", ".join(variables))]


def _sizes(values: Mapping[str, str]) -> list[str]:
    return indented([field(key, f"{len(decoded(text) or b'')} bytes") for key, text in sorted(values.items())])


def _source(source: Item) -> str:
    prefix = f" with prefix '{source['prefix']}'" if source.get("prefix") else ""
    for kind, reference in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
        if chosen := source.get(reference):
            return f"{chosen.get('name', '')}  {kind}{prefix}{_optional(chosen)}"
    return ""


def _value(variable: Item) -> str:
    source: dict[str, Any] = variable.get("valueFrom", {})
    for kind, reference in (("config map", "configMapKeyRef"), ("secret", "secretKeyRef")):
        if chosen := source.get(reference):
            return f"<set to the key '{chosen['key']}' in {kind} '{chosen.get('name', '')}'>{_optional(chosen)}"
    if chosen := source.get("fieldRef"):
        return f"({chosen.get('apiVersion', 'v1')}:{chosen['fieldPath']})"
    if chosen := source.get("resourceFieldRef"):
        return f"({chosen['resource']})"
    return str(variable.get("value", ""))


def _optional(reference: Item) -> str:
    return "  Optional: true" if reference.get("optional") else ""

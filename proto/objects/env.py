"""Where the variables of a container come from: the manifest, ConfigMaps, Secrets, the pod itself.

Source: Kubernetes API reference, core/v1 EnvVar and EnvFromSource.
"""

from __future__ import annotations

from typing import ClassVar

from proto.objects.meta import Model, Text


class ConfigMapKeySelector(Model):
    """One key of a ConfigMap."""

    name: Text = ""
    """The ConfigMap."""
    key: str
    """The key in it."""
    optional: bool | None = None
    """Whether the pod starts without it."""


class SecretKeySelector(Model):
    """One key of a Secret."""

    name: Text = ""
    """The Secret."""
    key: str
    """The key in it."""
    optional: bool | None = None
    """Whether the pod starts without it."""


class ObjectFieldSelector(Model):
    """A field of the pod itself, such as `metadata.name` or `status.podIP`."""

    api_version: str = "v1"
    """The version of the pod's schema."""
    field_path: str
    """The field, such as `metadata.name`, `spec.nodeName` or `metadata.labels['app']`."""


class ResourceFieldSelector(Model):
    """A container's own request or limit, such as `limits.memory`, divided by `divisor`."""

    container_name: Text = ""
    """Of which container; without it, of this one."""
    resource: str
    """Which amount, such as `limits.cpu`."""
    divisor: str = "0"
    """The unit that the value is told in."""


class EnvVarSource(Model):
    """Where the value of a variable comes from."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset({"fileKeyRef"})

    config_map_key_ref: ConfigMapKeySelector | None = None
    """A key of a ConfigMap."""
    secret_key_ref: SecretKeySelector | None = None
    """A key of a Secret."""
    field_ref: ObjectFieldSelector | None = None
    """A field of the pod."""
    resource_field_ref: ResourceFieldSelector | None = None
    """A request or limit of a container."""


class EnvVar(Model):
    """A variable: `value` with `$(OTHER)` expanded, or `valueFrom`."""

    name: str
    """The variable."""
    value: str | None = None
    """Its value; `$(OTHER)` stands for the value of a variable before it."""
    value_from: EnvVarSource | None = None
    """Where its value comes from."""


class ConfigMapEnvSource(Model):
    """All keys of a ConfigMap as variables."""

    name: Text = ""
    """The ConfigMap."""
    optional: bool | None = None
    """Whether the pod starts without it."""


class SecretEnvSource(Model):
    """All keys of a Secret as variables."""

    name: Text = ""
    """The Secret."""
    optional: bool | None = None
    """Whether the pod starts without it."""


class EnvFromSource(Model):
    """A source of many variables, each name with `prefix` before it."""

    prefix: Text = ""
    """What stands before every name."""
    config_map_ref: ConfigMapEnvSource | None = None
    """The ConfigMap whose keys become variables."""
    secret_ref: SecretEnvSource | None = None
    """The Secret whose keys become variables."""

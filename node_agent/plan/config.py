"""The ConfigMaps and Secrets of a pod's namespace, as far as the hub has sent them with the pod.

What is looked for and not there is a `ConfigProblem`, in Kubernetes' words; the hub sends the pod again as soon as it
appears.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from proto.base64_text import decoded

Texts = Mapping[str, str]


class ConfigProblem(Exception):
    """The container's configuration cannot be resolved now (Kubernetes: `CreateContainerConfigError`)."""


@dataclass(frozen=True, slots=True)
class Config:
    """Names to data, for one namespace; the values of Secrets, and `binaries` (of ConfigMaps), are in base64."""

    config_maps: Mapping[str, Texts] = field(default_factory=dict)
    secrets: Mapping[str, Texts] = field(default_factory=dict)
    binaries: Mapping[str, Texts] = field(default_factory=dict)

    def config_map(self, name: str, *, optional: bool) -> Texts:
        """The texts of a ConfigMap; none if it is not there and need not be.

        Raises:
            ConfigProblem: it is not there.
        """
        return _found(self.config_maps, "configmap", name, optional=optional)

    def secret(self, name: str, *, optional: bool) -> Texts:
        """The values of a Secret as texts; none if it is not there and need not be.

        Raises:
            ConfigProblem: it is not there.
        """
        data = self.secret_data(name, optional=optional)
        return {key: secret_text(value) for key, value in data.items()}

    def secret_data(self, name: str, *, optional: bool) -> Texts:
        """The values of a Secret, in base64; none if it is not there and need not be.

        Raises:
            ConfigProblem: it is not there.
        """
        return _found(self.secrets, "secret", name, optional=optional)


def key_of(data: Texts, key: str, source: str, *, optional: bool) -> str | None:
    """The value of a key; None if it is not there and need not be. `source`: such as `Secret default/passwords`.

    Raises:
        ConfigProblem: it is not there.
    """
    if key in data:
        return data[key]
    if optional:
        return None
    raise ConfigProblem(f"couldn't find key {key} in {source}")


def secret_text(value: str) -> str:
    """A value of a Secret as a program finds it in its environment: byte by byte, whatever they mean."""
    return (decoded(value) or b"").decode(errors="surrogateescape")


def _found(known: Mapping[str, Texts], kind: str, name: str, *, optional: bool) -> Texts:
    data = known.get(name)
    if data is not None:
        return data
    if optional:
        return {}
    raise ConfigProblem(f'{kind} "{name}" not found')

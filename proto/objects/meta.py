"""What every object has: ObjectMeta, owner references, conditions, label selectors, and how to change a frozen model.

Source: Kubernetes API reference, meta/v1.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

from proto.no_entries import NO_ENTRIES
from proto.quantity import parse_quantity

T = TypeVar("T")
M = TypeVar("M", bound="Model")

Many = Annotated[tuple[T, ...], Field(exclude_if=operator.not_)]
"""A list on the wire, an immutable tuple here; left out when empty."""

StringMap = Annotated[dict[str, str], Field(exclude_if=operator.not_)]
"""A map of strings; treat it as immutable; left out when empty."""

Text = Annotated[str, Field(exclude_if=operator.not_)]
"""A string that is left out when empty."""


def rfc3339(instant: datetime) -> str:
    """`2026-11-24T03:10:40.123Z`: milliseconds are kept, whole seconds are written without a fraction."""
    precision = "milliseconds" if instant.microsecond else "seconds"
    text = instant.isoformat(timespec=precision)
    if not text.endswith("+00:00"):
        text = instant.astimezone(UTC).isoformat(timespec=precision)
    return text.removesuffix("+00:00") + "Z"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a value should be, in words that complete "must be …": where an annotation alone cannot tell it."""

    words: str


Timestamp = Annotated[
    AwareDatetime,
    PlainSerializer(rfc3339, return_type=str),
    Wanted("a time with its zone, such as 2026-11-24T03:10:40Z"),
]
"""A point in time, RFC 3339 in UTC with milliseconds on the wire."""

INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1
Count = Annotated[int, Field(ge=0, le=INT32_MAX)]
"""A number of things, or of whole seconds; 32 bits as in Kubernetes."""
Number = Annotated[int, Field(ge=-INT64_MAX - 1, le=INT64_MAX)]
"""Any whole number that the wire can carry."""


def camel(name: str) -> str:
    """The wire name of a field: camelCase with Kubernetes' irregular spellings (`podIP`, `hostIPs`, `clusterIP`)."""
    plain = to_camel(name)
    if plain.endswith("Ip"):
        return plain[:-2] + "IP"
    if plain.endswith("Ips"):
        return plain[:-3] + "IPs"
    return {"providerId": "providerID", "machineId": "machineID", "systemUuid": "systemUUID",
            "bootId": "bootID", "containerId": "containerID", "imageId": "imageID",
            "podCidr": "podCIDR", "podCidrs": "podCIDRs"}.get(plain, plain)  # fmt: skip


class Model(BaseModel):
    """The base of all that goes over the wire: frozen, camelCase outside, unknown fields ignored when *reading back*.

    (What a person writes is read strictly first, see `proto.schema`; what is stored may come from a newer version.)
    """

    model_config = ConfigDict(
        frozen=True, alias_generator=camel, populate_by_name=True, extra="ignore", defer_build=True
    )

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset()
    """Wire names of fields that Kubernetes has here and we do not: accepted with a warning, dropped."""


class OwnerReference(Model):
    """Names the object that this one exists for; when all owners are gone, it goes too."""

    api_version: str
    """The owner's group and version."""
    kind: str
    """The owner's kind."""
    name: str
    """The owner's name."""
    uid: str
    """The owner's uid; an owner of that name with another uid is not meant."""
    controller: bool | None = None
    """Whether it is the one that manages this object."""
    block_owner_deletion: bool | None = None
    """Whether a foreground deletion of the owner waits for this object."""


class ObjectMeta(Model):
    """Identity, revision and life cycle of an object."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset({"managedFields", "selfLink"})

    name: Text = ""
    """The object's name, unique among its kind in its namespace."""
    generate_name: Text = ""
    """The beginning of a name that is drawn where `name` is left out."""
    namespace: Text = ""
    """The room that the name is in; `default` if nothing is said."""
    uid: Text = ""
    """What tells this object from earlier and later ones of its name."""
    resource_version: Text = ""
    """The revision that was read; a write that carries it fails if the object has changed since."""
    generation: Number | None = None
    """Counts the changes of the spec."""
    creation_timestamp: Timestamp | None = None
    """When it was made."""
    deletion_timestamp: Timestamp | None = None
    """When it is to be gone; it is there as long as something must be ended first."""
    deletion_grace_period_seconds: Number | None = None
    """How long its programs have to end."""
    labels: StringMap = NO_ENTRIES
    """Marks by which objects are chosen."""
    annotations: StringMap = NO_ENTRIES
    """Texts that tell of the object; nothing is chosen by them."""
    owner_references: Many[OwnerReference] = ()
    """The objects that this one exists for; it goes when all of them are gone."""
    finalizers: Many[str] = ()
    """Names of those that must do something before the object may be gone."""

    @property
    def controller(self) -> OwnerReference | None:
        """The one owner that controls this object, if any."""
        for owner in self.owner_references:
            if owner.controller:
                return owner
        return None

    @property
    def revision(self) -> int:
        """`resourceVersion` as a number; 0 for an object that was never stored."""
        return int(self.resource_version or 0)


class LabelSelectorRequirement(Model):
    """`key operator values`, one of the `matchExpressions`."""

    key: str
    """The label."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How it is compared."""
    values: Many[str] = ()
    """With what; nothing for Exists and DoesNotExist."""


class LabelSelector(Model):
    """Chooses objects by their labels; an empty one chooses all, all parts must hold."""

    match_labels: StringMap = NO_ENTRIES
    """Labels with the values they must have."""
    match_expressions: Many[LabelSelectorRequirement] = ()
    """Further requirements, all of which must hold."""


class Condition(Model):
    """One observed fact about an object, with since when and why (meta/v1 Condition, and the older per-kind forms)."""

    type: str
    """Which fact it is about."""
    status: Literal["True", "False", "Unknown"]
    """Whether it is so, or not known."""
    reason: Text = ""
    """Why, in one word for programs."""
    message: Text = ""
    """Why, for people."""
    observed_generation: Number | None = None
    """The generation of the spec that it is about."""
    last_probe_time: Timestamp | None = None
    """When it was last looked at."""
    last_heartbeat_time: Timestamp | None = None
    """When it was last heard of."""
    last_update_time: Timestamp | None = None
    """When it was last written."""
    last_transition_time: Timestamp | None = None
    """Since when the status is what it is."""


class Object(Model):
    """A stored object: kind, metadata, and whatever its kind adds."""

    API_VERSION: ClassVar[str]
    KIND: ClassVar[str]

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)

    def model_post_init(self, context: Any) -> None:
        """Fill in what the class knows: an object made in Python need not repeat its kind."""
        if not self.kind:
            self.__dict__["kind"] = self.KIND
        if not self.api_version:
            self.__dict__["api_version"] = self.API_VERSION

    @property
    def key(self) -> tuple[str, str]:
        """(namespace, name); the namespace is "" for cluster-scoped kinds."""
        return self.metadata.namespace, self.metadata.name

    @property
    def deleting(self) -> bool:
        """Whether its deletion was asked for and is not finished."""
        return self.metadata.deletion_timestamp is not None

    def owner_reference(self, *, controller: bool = True) -> OwnerReference:
        """A reference to this object, for its children."""
        return OwnerReference(
            api_version=self.api_version,
            kind=self.kind,
            name=self.metadata.name,
            uid=self.metadata.uid,
            controller=controller,
            block_owner_deletion=True,
        )


def check_quantity(value: Any) -> str:
    """The text of a quantity; numbers are accepted as Kubernetes does (`cpu: 2`, `cpu: 0.5`)."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"must be a quantity such as 500m, 2, 64Mi or 1G, found {value!r:.40}")
    text = str(value)
    parse_quantity(text)
    return text


def evolve(model: M, **changes: Any) -> M:
    """A copy of `model` with fields changed; dotted paths reach into nested models.

    `evolve(pod, **{"metadata.labels": {...}, "status.phase": "Running"})`. Values are not validated: they come from
    our own code, already typed. Untouched parts are shared with the original.
    """
    nested: dict[str, dict[str, Any]] = {}
    flat: dict[str, Any] = {}
    for path, value in changes.items():
        head, _, rest = path.partition(".")
        if rest:
            nested.setdefault(head, {})[rest] = value
        else:
            flat[head] = value
    for head, inner in nested.items():
        flat[head] = evolve(flat.get(head, getattr(model, head)), **inner)
    return model.model_copy(update=flat)


def find_condition(conditions: Iterable[Condition], kind: str) -> Condition | None:
    """The condition of that type, if it is there."""
    for condition in conditions:
        if condition.type == kind:
            return condition
    return None


def with_condition(conditions: Iterable[Condition], new: Condition) -> tuple[Condition, ...]:
    """`conditions` with `new` in the place of its type.

    `lastTransitionTime` is kept from the old one while the status stays the same (Kubernetes: API conventions).
    """
    kept: list[Condition] = []
    placed = False
    for old in conditions:
        if old.type != new.type:
            kept.append(old)
            continue
        if old.status == new.status and old.last_transition_time is not None:
            new = new.model_copy(update={"last_transition_time": old.last_transition_time})
        kept.append(new)
        placed = True
    if not placed:
        kept.append(new)
    return tuple(kept)

"""The options of each verb, read strictly: an unknown or ill-formed option is refused, never ignored.

Options come as a JSON body (typed) and as the query string in the header `Sp-Options` (texts); the two are merged and
read the same way. Source: Kubernetes meta/v1 ListOptions, DeleteOptions, CreateOptions, UpdateOptions, PatchOptions.

Reads: plain values. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from control_plane.store.deletion import Propagation
from proto.catalog import Kind
from proto.errors import BadRequest
from proto.objects.meta import INT32_MAX, LabelSelector
from proto.schema import shown
from proto.selectors import FieldRequirement, check_field_selector, parse_field_selector, parse_label_selector
from proto.spelling import did_you_mean

Options = Mapping[str, Any]

_TYPE_NAMES = frozenset({"apiVersion", "kind"})
_LIST = frozenset(
    {"labelSelector", "fieldSelector", "limit", "continue", "resourceVersion", "resourceVersionMatch"}
)  # fmt: skip
_WATCH = frozenset({"labelSelector", "fieldSelector", "resourceVersion", "timeoutSeconds", "allowWatchBookmarks",
                    "watch", "limit", "sendInitialEvents", "resourceVersionMatch"})  # fmt: skip
_WRITE = frozenset({"dryRun", "fieldManager", "fieldValidation", "force"})
_DELETE = frozenset({"gracePeriodSeconds", "propagationPolicy", "preconditions", "orphanDependents", "dryRun"})
_BY_VERB: dict[str, frozenset[str]] = {
    "get": frozenset({"resourceVersion"}),
    "list": _LIST | {"timeoutSeconds", "allowWatchBookmarks", "watch"},
    "watch": _WATCH,
    "create": _WRITE,
    "update": _WRITE,
    "patch": _WRITE,
    "delete": _DELETE,
    "deletecollection": _DELETE | _LIST | {"timeoutSeconds"},
    "gc": frozenset({"dryRun", "limit", "finishedPodsMax", "eventsTtlSeconds"}),
    "plan": frozenset({"objects"}),
}
_COMMON = frozenset({"pretty"})


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects are meant."""

    labels: LabelSelector
    fields: tuple[FieldRequirement, ...]


@dataclass(frozen=True, slots=True)
class ListOptions:
    """Options of list. `limit` 0: as many as an answer takes; `revision` 0: whatever there is now."""

    selection: Selection
    limit: int = 0
    continue_token: str = ""
    revision: int = 0
    exact: bool = False


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """Options of watch. `revision` 0: begin with everything there is; `timeout_s` 0: the server's choice."""

    selection: Selection
    revision: int = 0
    timeout_s: int = 0
    bookmarks: bool = False


@dataclass(frozen=True, slots=True)
class DeletionOptions:
    """Options of delete and deletecollection; "" and None mean: not said."""

    propagation: Propagation | None = None
    grace_s: int | None = None
    uid: str = ""
    revision: str = ""
    dry_run: bool = False


def check_names(verb: str, options: Options) -> None:
    """Refuse options that the verb does not have.

    Raises:
        BadRequest: with the nearest option that it has.
    """
    known = _BY_VERB[verb] | _COMMON
    for name in options:
        if name not in known and name not in _TYPE_NAMES:
            raise BadRequest(f'unknown option "{name:.80}" for {verb}{did_you_mean(name, known)}')


def read_revision(options: Options) -> int:
    """`resourceVersion` as "not older than"; 0 if it does not matter."""
    return parse_revision(_text(options, "resourceVersion"))


def read_selection(options: Options, kind: Kind) -> Selection:
    """The label and field selectors."""
    try:
        labels = parse_label_selector(_text(options, "labelSelector"))
        fields = parse_field_selector(_text(options, "fieldSelector"))
        check_field_selector(fields, kind.kind)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    return Selection(labels, fields)


def read_list_options(options: Options, kind: Kind) -> ListOptions:
    """Options of list."""
    match = _text(options, "resourceVersionMatch")
    if match not in ("", "Exact", "NotOlderThan"):
        raise BadRequest(f'resourceVersionMatch: must be "Exact" or "NotOlderThan", found "{match:.60}"')
    revision = read_revision(options)
    if match and not _text(options, "resourceVersion"):
        raise BadRequest("resourceVersionMatch is forbidden unless resourceVersion is provided")
    return ListOptions(
        selection=read_selection(options, kind),
        limit=_number(options, "limit"),
        continue_token=_text(options, "continue"),
        revision=revision,
        exact=match == "Exact",
    )


def read_watch_options(options: Options, kind: Kind) -> WatchOptions:
    """Options of watch."""
    return WatchOptions(
        selection=read_selection(options, kind),
        revision=read_revision(options),
        timeout_s=_number(options, "timeoutSeconds"),
        bookmarks=_flag(options, "allowWatchBookmarks"),
    )


def read_dry_run(options: Options) -> bool:
    """Whether to do everything but the writing (`dryRun=All`)."""
    asked = options.get("dryRun")
    if asked in (None, "", []):
        return False
    if asked in ("All", ["All"]):
        return True
    raise BadRequest(f'dryRun: must be "All", found {shown(asked)}')


def read_count(options: Options, name: str) -> int:
    """A whole number; 0 if it is not said."""
    return _number(options, name)


def check_field_validation(options: Options) -> None:
    """Refuse to ignore unknown fields: that is never done here."""
    asked = _text(options, "fieldValidation")
    if asked not in ("", "Strict"):
        raise BadRequest(f'fieldValidation: only "Strict" is offered, found "{asked:.60}"')


def read_deletion_options(options: Options) -> DeletionOptions:
    """Options of delete and deletecollection."""
    conditions = options.get("preconditions") or {}
    if not isinstance(conditions, dict):
        raise BadRequest(f"preconditions: must be a mapping, found {shown(conditions)}")
    for name in conditions:
        if name not in ("uid", "resourceVersion"):
            raise BadRequest(f'unknown precondition "{name:.80}"{did_you_mean(name, ("uid", "resourceVersion"))}')
    grace = options.get("gracePeriodSeconds")
    return DeletionOptions(
        propagation=_propagation(options),
        grace_s=None if grace is None else _seconds(options, "gracePeriodSeconds"),
        uid=_text(conditions, "uid"),
        revision=_text(conditions, "resourceVersion"),
        dry_run=read_dry_run(options),
    )


def _propagation(options: Options) -> Propagation | None:
    policy = _text(options, "propagationPolicy")
    if options.get("orphanDependents") is not None:
        if policy:
            raise BadRequest("orphanDependents and propagationPolicy cannot both be set")
        return "Orphan" if _flag(options, "orphanDependents") else "Background"
    if not policy:
        return None
    for known in get_args(Propagation):
        if policy == known:
            return known  # type: ignore[no-any-return]
    choice = ", ".join(f'"{known}"' for known in get_args(Propagation))
    raise BadRequest(f'propagationPolicy: must be one of {choice}, found "{policy:.60}"')


def parse_revision(text: str, field: str = "resourceVersion") -> int:
    """A resourceVersion as a number; 0 for "".

    Raises:
        BadRequest: the API never gave such a one.
    """
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadRequest(f'{field}: must be a number that the API gave, found "{text:.60}"')
    return int(text)


def _text(options: Options, name: str) -> str:
    value = options.get(name)
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):  # People write `"resourceVersion": 12` by hand.
        return str(value)
    if not isinstance(value, str):
        raise BadRequest(f"{name}: must be a string, found {shown(value)}")
    return value


def _number(options: Options, name: str) -> int:
    value = options.get(name)
    if value in (None, ""):
        return 0
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadRequest(f"{name}: must be a whole number ≥ 0, found {shown(value)}")
    return int(text)


def _seconds(options: Options, name: str) -> int:
    """A time that the calendar can hold."""
    number = _number(options, name)
    if number > INT32_MAX:
        raise BadRequest(f"{name}: must be at most {INT32_MAX}, found {number}")
    return number


def _flag(options: Options, name: str) -> bool:
    value = options.get(name)
    if value in (None, "", "false", False, "0"):
        return False
    if value in ("true", True, "1"):
        return True
    raise BadRequest(f"{name}: must be true or false, found {shown(value)}")

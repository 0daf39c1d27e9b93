"""Patches: a document and a patch to a new document. JSON merge patch (RFC 7396) and JSON patch (RFC 6902).

Pure; a document is never changed in place. A patch cannot make a document grow without bound: copies are counted.
"""

from __future__ import annotations

import copy
from typing import Any, cast

import jsonpatch
import jsonpointer

from control_plane.api.request import MERGE_PATCH
from proto.errors import BadRequest, Invalid
from proto.schema import shown
from proto.spelling import did_you_mean

OPERATIONS_MAX = 1000
COPIES_MAX = 16
WEIGHT_MAX = 2 * 1024 * 1024
VALUE_WEIGHT = 256
"""How heavy a document may get by copies: its characters, and so much for every value."""

_MEMBERS = {
    "add": ("value",),
    "remove": (),
    "replace": ("value",),
    "move": ("from",),
    "copy": ("from",),
    "test": ("value",),
}


def apply_patch(form: str, patch: Any, document: dict[str, Any]) -> dict[str, Any]:
    """The document with the patch applied.

    Raises:
        BadRequest: the patch itself is ill-formed.
        Invalid: it cannot be applied to this document.
    """
    if form == MERGE_PATCH:
        return cast("dict[str, Any]", merge(document, patch))
    return apply_json_patch(patch, document)


def merge(target: Any, patch: Any) -> Any:
    """`target` with a merge patch: mappings are merged, null removes, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def apply_json_patch(operations: list[Any], document: dict[str, Any]) -> dict[str, Any]:
    """`document` with each operation applied, in order; all or nothing."""
    _check_operations(operations)
    changed: Any = copy.deepcopy(document)
    for index, operation in enumerate(operations):
        where = f"operation {index} ({operation['op']} {operation['path']:.120})"
        try:
            if operation["op"] == "copy":
                _check_room(changed, operation["from"], where)
            changed = jsonpatch.JsonPatch([operation]).apply(changed, in_place=True)
        except jsonpatch.JsonPatchTestFailed:
            raise Invalid(f"the patch cannot be applied: {where}: the value there is not the tested one") from None
        except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, LookupError):
            raise Invalid(f"the patch cannot be applied: {where}: {_obstacle(operation, changed)}") from None
        if not isinstance(changed, dict):
            raise Invalid(f"the patch cannot be applied: {where}: what remains is not an object")
    return cast("dict[str, Any]", changed)


def _check_operations(operations: list[Any]) -> None:
    if len(operations) > OPERATIONS_MAX:
        raise BadRequest(f"the patch has {len(operations)} operations, at most {OPERATIONS_MAX} are allowed")
    copies = 0
    for index, operation in enumerate(operations):
        _check_operation(operation, f"operation {index}")
        copies += operation["op"] == "copy"
    if copies > COPIES_MAX:
        raise BadRequest(f"the patch has {copies} copy operations, at most {COPIES_MAX} are allowed")


def _check_operation(operation: Any, where: str) -> None:
    if not isinstance(operation, dict):
        raise BadRequest(f"the patch is not valid: {where}: must be a mapping with op and path")
    name = operation.get("op")
    if not isinstance(name, str) or name not in _MEMBERS:
        hint = did_you_mean(name, _MEMBERS) if isinstance(name, str) else ""
        raise BadRequest(
            f"the patch is not valid: {where}: op must be one of {', '.join(_MEMBERS)}, found {shown(name)}{hint}"
        )
    for member in ("path", *_MEMBERS[name]):
        if member not in operation:
            raise BadRequest(f'the patch is not valid: {where} ({name}): "{member}" is missing')
    for member in ("path", "from"):
        pointer = operation.get(member, "")
        if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
            raise BadRequest(
                f'the patch is not valid: {where} ({name}): "{member}" must be a path such as /spec/replicas, '
                f"found {shown(pointer)}"
            )


def _check_room(document: Any, pointer: str, where: str) -> None:
    """Refuse a copy that would make the document too heavy, before it is made."""
    copied = jsonpointer.resolve_pointer(document, pointer, None)
    if _weight(document) + _weight(copied) > WEIGHT_MAX:
        raise Invalid(f"the patch cannot be applied: {where}: the object grows too large")


def _weight(value: Any) -> int:
    if isinstance(value, dict):
        return VALUE_WEIGHT + sum(len(key) + _weight(item) for key, item in value.items())
    if isinstance(value, list):
        return VALUE_WEIGHT + sum(_weight(item) for item in value)
    return VALUE_WEIGHT + (len(value) if isinstance(value, str) else 0)


def _obstacle(operation: dict[str, Any], document: Any) -> str:
    """Why an operation cannot be done: the first part of its paths that leads nowhere."""
    for member in ("from", "path"):
        at, value = "", document
        for part in str(operation.get(member, "")).split("/")[1:]:
            if not isinstance(value, dict | list):
                return f"{at:.120} is {shown(value)}, which has no members"
            at = f"{at}/{part}"
            try:
                value = jsonpointer.JsonPointer(f"/{part}").resolve(value)
            except jsonpointer.JsonPointerException:
                return f"there is no {at:.120}"
    return "it cannot be done to the object as a whole"

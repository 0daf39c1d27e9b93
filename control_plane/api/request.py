"""A message read into a request: who is asked to do what to which object, with what options and body.

Reads: messages on `sp.api.>`, which anyone may have sent. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from control_plane.api import decoding
from control_plane.api.options import check_names
from proto import catalog, subjects
from proto.bus.port import Message
from proto.catalog import Kind
from proto.errors import BadRequest, MethodNotAllowed, NotFound, UnsupportedMediaType
from proto.spelling import did_you_mean
from proto.subjects import Route

JSON, MSGPACK, TABLE = "application/json", "application/msgpack", "application/json;as=Table"
MERGE_PATCH, JSON_PATCH = "merge", "json"
_BODIES = {"": False, JSON: False, MSGPACK: True}
_PATCHES: dict[str, tuple[str, bool]] = {
    "application/merge-patch+json": (MERGE_PATCH, False),
    "application/json-patch+json": (JSON_PATCH, False),
    "application/merge-patch+msgpack": (MERGE_PATCH, True),
    "application/json-patch+msgpack": (JSON_PATCH, True),
}
_OBJECT_VERBS = ("create", "update", "patch")
_NAMED_VERBS = ("get", "update", "patch", "delete")
_WHOLE_VERBS = ("list", "deletecollection")
_FORM = "sp.api.<verb>.<group>.<resource>.<namespace or _>[.<name>]"
_SUBRESOURCE_VERBS = {
    "status": ("get", "update", "patch"),
    "scale": ("get", "update", "patch"),
    "resize": ("get", "update", "patch"),
    "binding": ("create",),
    "eviction": ("create",),
    "finalize": ("update",),
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request, checked as far as that goes without looking at any object.

    `body` is the object or patch of create, update and patch, and None for the other verbs, whose body is in
    `options`. `namespace` is "" for cluster-scoped kinds, and where all namespaces are meant. `accept` is one of
    JSON, MSGPACK and TABLE.
    """

    verb: str
    kind: Kind
    subresource: str
    namespace: str
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    patch_form: str = ""
    accept: str = JSON


def read_route(message: Message) -> tuple[Kind, Route]:
    """What the subject asks for.

    Raises:
        BadRequest | MethodNotAllowed | NotFound: it asks for nothing that exists.
    """
    route = subjects.parse_api(message.subject)
    if route is None:
        raise BadRequest(f'the subject "{message.subject}" is not a request: write {_FORM}')
    if route.verb not in subjects.VERBS:
        raise MethodNotAllowed(f'unknown verb "{route.verb}"{did_you_mean(route.verb, subjects.VERBS)}')
    kind = _find_kind(route)
    if not kind.namespaced:
        route = subjects.parse_api(message.subject, namespaced=False) or route
    _check_subresource(kind, route)
    _check_names_present(kind, route)
    return kind, route


def read_request(message: Message) -> Request:
    """The whole request.

    Raises:
        ApiError: what is wrong with it.
    """
    decoding.check_size(message.data)
    kind, route = read_route(message)
    accept = read_accept(message)
    content_type = _media_type(message.headers.get("Content-Type", ""))
    options: dict[str, Any] = _header_options(message)
    body: Any = None
    patch_form = ""
    if route.subresource == "eviction" and not message.data.strip():
        body = {}
    elif route.verb in _OBJECT_VERBS:
        body, patch_form = _read_body(message.data, route.verb, content_type)
    else:
        options = {**options, **_body_options(_decode(message.data, content_type))}
    check_names(route.verb, options)
    return Request(route.verb, kind, route.subresource, route.namespace, route.name, options, body, patch_form, accept)


def read_options(message: Message, verb: str) -> dict[str, Any]:
    """The options of a request that is about no kind.

    Raises:
        ApiError: what is wrong with them.
    """
    decoding.check_size(message.data)
    content_type = _media_type(message.headers.get("Content-Type", ""))
    options = {**_header_options(message), **_body_options(_decode(message.data, content_type))}
    check_names(verb, options)
    return options


def read_accept(message: Message) -> str:
    """The form of the answer that the Accept header asks for; the first that we speak."""
    accepted = [part.strip().replace(" ", "") for part in message.headers.get("Accept", "").split(",")]
    for part in accepted:
        media, *parameters = part.split(";")
        if media in ("", "*/*", JSON):
            return TABLE if "as=Table" in parameters else JSON
        if media == MSGPACK:
            return MSGPACK
    raise UnsupportedMediaType(f'Accept: "{accepted[0]:.80}" is not spoken here, ask for {JSON}, {MSGPACK} or {TABLE}')


def _find_kind(route: Route) -> Kind:
    kind = catalog.by_route(route.group, route.resource)
    if kind is not None:
        return kind
    same = [known for known in catalog.KINDS if known.resource == route.resource]
    if same:
        hint = f', did you mean "{same[0].group_token}.{same[0].resource}"?'
    else:
        aliased = catalog.by_alias(route.resource)
        known = [kind.resource for kind in catalog.KINDS]
        hint = f', did you mean "{aliased.resource}"?' if aliased else did_you_mean(route.resource, known)
    raise NotFound(f'the server could not find the requested resource "{route.group}.{route.resource}"{hint}')


def _check_subresource(kind: Kind, route: Route) -> None:
    if not route.subresource:
        return
    if route.subresource not in kind.subresources:
        raise NotFound(
            f'{kind.qualified_resource} has no subresource "{route.subresource}"'
            f"{did_you_mean(route.subresource, kind.subresources)}"
        )
    verbs = _SUBRESOURCE_VERBS[route.subresource]
    if route.verb not in verbs:
        raise MethodNotAllowed(f"{kind.resource}/{route.subresource} takes {' and '.join(verbs)}, not {route.verb}")


def _check_names_present(kind: Kind, route: Route) -> None:
    """A verb on one object needs its name (and namespace); one on a collection must have none."""
    if route.verb in _NAMED_VERBS or route.subresource:
        if kind.namespaced and not route.namespace:
            raise BadRequest(f"an empty namespace may not be set when a {kind.singular} is named: write {_FORM}")
        if not route.name:
            raise BadRequest(f"a name is needed to {route.verb} a {kind.singular}: write {_FORM}")
    elif route.verb in _WHOLE_VERBS and route.name:
        raise BadRequest(
            f'{route.verb} takes no name, found "{route.name}": use the field selector metadata.name={route.name}'
        )
    if not kind.namespaced and route.namespace:
        raise BadRequest(f"{kind.resource} are not in a namespace, found {route.namespace!r}")


def _media_type(header: str) -> str:
    return header.partition(";")[0].strip().lower()


def _decode(data: bytes, content_type: str) -> Any:
    packed = _BODIES.get(content_type)
    if packed is None:
        raise UnsupportedMediaType(f'Content-Type: "{content_type:.80}" is not spoken here, send {JSON} or {MSGPACK}')
    return decoding.decode_msgpack(data) if packed else decoding.decode_json(data)


def _read_body(data: bytes, verb: str, content_type: str) -> tuple[Any, str]:
    """The object, or the patch and its form."""
    if verb == "patch":
        return _read_patch(data, content_type)
    body = _decode(data, content_type)
    if not isinstance(body, dict):
        found = "nothing" if body is None else type(body).__name__.replace("list", "a list").replace("str", "a string")
        raise BadRequest(f"the request body must be the object to {verb}, found {found}")
    return body, ""


def _read_patch(data: bytes, content_type: str) -> tuple[Any, str]:
    """Without a Content-Type that says it, a list is a JSON patch and a mapping a merge patch."""
    if content_type in _BODIES:
        body = _decode(data, content_type)
        form = JSON_PATCH if isinstance(body, list) else MERGE_PATCH
    elif content_type in _PATCHES:
        form, packed = _PATCHES[content_type]
        body = decoding.decode_msgpack(data) if packed else decoding.decode_json(data)
    else:
        choice = ", ".join(sorted(_PATCHES))
        raise UnsupportedMediaType(f'Content-Type: "{content_type:.80}" is no patch that is spoken here, send {choice}')
    if form == JSON_PATCH and not isinstance(body, list):
        raise BadRequest("a JSON patch must be a list of operations")
    if form == MERGE_PATCH and not isinstance(body, dict):
        raise BadRequest("a merge patch must be a mapping")
    return body, form


def _header_options(message: Message) -> dict[str, Any]:
    header = message.headers.get("Sp-Options", "")
    try:
        pairs = parse_qsl(header, keep_blank_values=True, strict_parsing=bool(header), errors="strict")
    except ValueError:
        raise BadRequest(f'Sp-Options: not a query string such as dryRun=All&limit=5: "{header:.80}"') from None
    return dict(pairs)


def _body_options(body: Any) -> dict[str, Any]:
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise BadRequest("the request body must be a mapping of options, or empty")
    return body

"""`setpoint apply`: make the cluster's objects as the manifests say.

A three-way merge, as kubectl's client-side apply: what the manifest names is set, what the last applied manifest
named and this one does not is removed, and what others wrote stays. The last applied manifest is kept in the object,
under kubectl's annotation. All manifests are read before the first is sent.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from proto import catalog
from proto.catalog import Kind
from proto.client.raw import MERGE_PATCH, RawClient
from proto.errors import AlreadyExists, ApiError, NotFound
from setpoint.cli.errors import CliError
from setpoint.cli.merging import three_way_patch
from setpoint.cli.resources import display
from setpoint.cli.session import add_cluster_arguments, connect, warn

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

_SUFFIXES = (".yaml", ".yml", ".json")
_FIRST = ("Namespace", "ConfigMap", "Secret")
"""Kinds that others stand on are applied before them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    add_manifest_arguments(parser)
    parser.add_argument("--dry-run", choices=("none", "server"), default="none", help="server: check, change nothing")
    parser.set_defaults(namespace="")


def add_manifest_arguments(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """`-f` and `-R`, which several verbs share."""
    parser.add_argument(
        "-f", "--filename", action="append", default=[], required=required, help="a file, a folder, or - for stdin"
    )
    parser.add_argument("-R", "--recursive", action="store_true", help="go into the folders of a folder")


async def run(options: argparse.Namespace) -> int:
    """Apply every manifest; 1 if any was refused."""
    manifests = read_manifests(options.filename, options.recursive)
    if not manifests:
        raise CliError(f"no objects in {', '.join(options.filename)}")
    ordered = sorted(manifests, key=lambda raw: _FIRST.index(raw["kind"]) if raw.get("kind") in _FIRST else len(_FIRST))
    failed = 0
    async with connect(options) as client:
        for raw in ordered:
            try:
                print(await _apply(client, raw, options), flush=True)
            except (ApiError, CliError) as error:
                failed += 1
                print(f"setpoint apply: {_subject(raw)}{error}", file=sys.stderr)
    return 1 if failed else 0


def read_manifests(sources: Sequence[str], recursive: bool) -> list[dict[str, Any]]:
    """All objects of files, folders and stdin.

    Raises:
        CliError | ValueError: a file cannot be read, or is not a manifest.
    """
    from proto.manifests import load_manifests

    found: list[dict[str, Any]] = []
    for source in sources:
        if source == "-":
            found += load_manifests(sys.stdin.buffer.read(), "stdin")
            continue
        for path in _files(Path(source), recursive):
            found += load_manifests(path.read_bytes(), str(path))
    return found


def _files(path: Path, recursive: bool) -> Iterator[Path]:
    if not path.exists():
        raise CliError(f"{path}: there is no such file or folder")
    if not path.is_dir():
        yield path
        return
    candidates = sorted(path.rglob("*") if recursive else path.iterdir())
    files = [file for file in candidates if file.is_file() and file.suffix in _SUFFIXES]
    if not files:
        raise CliError(f"{path}: the folder has no {', '.join(_SUFFIXES)} file")
    yield from files


def identify(raw: dict[str, Any], namespace: str) -> tuple[Kind, str, str]:
    """Kind, namespace and name of a manifest; `namespace` is the caller's `-n`, "" if not given.

    Raises:
        CliError: the manifest does not say what it is.
    """
    for field in ("apiVersion", "kind"):
        if not isinstance(raw.get(field), str):
            nearest = next((key for key in raw if isinstance(key, str) and key.lower() == field.lower()), None)
            hint = f' (found "{nearest}": field names are case-sensitive)' if nearest else ""
            raise CliError(f"{field}: required{hint}")
    kind = catalog.by_gvk(raw["apiVersion"], raw["kind"])
    if kind is None:
        raise CliError(_unknown_kind(raw["apiVersion"], raw["kind"]))
    metadata = raw.get("metadata")
    if not isinstance(metadata, dict):
        raise CliError("metadata: required, with at least a name")
    name = metadata.get("name")
    if not isinstance(name, str) or not name:
        raise CliError(f"metadata.name: required, must be a string, found {name!r}")
    own = metadata.get("namespace") or ""
    if not kind.namespaced:
        return kind, "", name
    if namespace and own and namespace != own:
        raise CliError(f'metadata.namespace: the manifest says "{own}", the call says "{namespace}"')
    return kind, str(own or namespace or "default"), name


def _unknown_kind(api_version: str, kind: str) -> str:
    from difflib import get_close_matches

    same = catalog.BY_KIND.get(kind)
    if same is not None:
        return f'apiVersion: {kind} is in "{same.api_version}", found "{api_version}"'
    close = get_close_matches(kind, catalog.BY_KIND, 1)
    hint = f', did you mean "{close[0]}"?' if close else ""
    return f'kind: there is no kind "{kind}" in "{api_version}"{hint}'


async def _apply(client: RawClient, raw: dict[str, Any], options: argparse.Namespace) -> str:
    kind, namespace, name = identify(raw, options.namespace)
    dry = {"dryRun": "All"} if options.dry_run == "server" else None
    note = " (server dry run)" if dry else ""
    raw = with_namespace(raw, namespace)
    applied = json.dumps(raw, separators=(",", ":"), sort_keys=True) + "\n"
    wanted = _annotated(raw, applied)
    try:
        live = (await client.call("get", kind, namespace, name)).body
    except NotFound:
        try:
            reply = await client.call("create", kind, namespace, body=wanted, options=dry)
            warn(reply.warnings)
            return f"{display(kind, name)} created{note}"
        except AlreadyExists:
            live = (await client.call("get", kind, namespace, name)).body
    last = last_applied(live)
    patch = three_way_patch(last, wanted, live)
    reply = await client.call("patch", kind, namespace, name, body=patch, options=dry, content_type=MERGE_PATCH)
    warn(reply.warnings)
    before, after = (item["metadata"].get("resourceVersion") for item in (live, reply.body))
    changed = before != after if not dry else _without_revision(live) != _without_revision(reply.body)
    return f"{display(kind, name)} {'configured' if changed else 'unchanged'}{note}"


def with_namespace(raw: dict[str, Any], namespace: str) -> dict[str, Any]:
    """The manifest with its namespace said."""
    if not namespace:
        return raw
    return {**raw, "metadata": {**raw["metadata"], "namespace": namespace}}


def _annotated(raw: dict[str, Any], applied: str) -> dict[str, Any]:
    annotations = raw["metadata"].get("annotations")
    if annotations is not None and not isinstance(annotations, dict):
        return raw
    return {**raw, "metadata": {**raw["metadata"], "annotations": {**(annotations or {}), LAST_APPLIED: applied}}}


def last_applied(live: dict[str, Any]) -> dict[str, Any]:
    """The manifest that was applied last; empty if nobody noted one."""
    try:
        last = json.loads(live["metadata"]["annotations"][LAST_APPLIED])
    except (KeyError, ValueError):
        return {}
    return last if isinstance(last, dict) else {}


def _without_revision(item: dict[str, Any]) -> dict[str, Any]:
    volatile = ("resourceVersion", "generation")
    return {**item, "metadata": {k: v for k, v in item["metadata"].items() if k not in volatile}}


def _subject(raw: dict[str, Any]) -> str:
    metadata = raw.get("metadata")
    name = metadata.get("name", "") if isinstance(metadata, dict) else ""
    return f"{raw.get('kind', 'object')} {name}: " if name else ""

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proto import catalog
from proto.catalog import Kind
from proto.client.raw import MERGE_PATCH, RawClient
from proto.errors import AlreadyExists, ApiError, NotFound
from setpoint.cli.dry_run import NOTES, add_dry_run_argument, api_options
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
    add_dry_run_argument(parser)
    parser.set_defaults(namespace="")


def add_manifest_arguments(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """`-f` and `-R`, which several verbs share."""
    parser.add_argument(
        "-f", "--filename", action="append", default=[], required=required, help="a file, a folder, or - for stdin"
    )
    parser.add_argument("-R", "--recursive", action="store_true", help="go into the folders of a folder")


async def run(options: argparse.Namespace) -> int:
    """Apply every manifest; 1 if any was refused."""
    ordered = sorted(
        some_manifests(options), key=lambda raw: _FIRST.index(raw["kind"]) if raw.get("kind") in _FIRST else len(_FIRST)
    )
    failed = 0
    async with connect(options) as client:
        for raw in ordered:
            try:
                done = await applied(client, raw, options.namespace, api_options(options.dry_run))
                print(_told(done, options.dry_run), flush=True)
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


def some_manifests(options: argparse.Namespace) -> list[dict[str, Any]]:
    """The objects of a call's files.

    Raises:
        CliError | ValueError: a file cannot be read, or is not a manifest, or there is no object in any.
    """
    found = read_manifests(options.filename, options.recursive)
    if not found:
        raise CliError(f"no objects in {', '.join(options.filename)}")
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


@dataclass(frozen=True, slots=True)
class Applied:
    """One manifest that was applied, or tried: how its object was (None: not there), and how the API answered."""

    kind: Kind
    namespace: str
    name: str
    before: dict[str, Any] | None
    after: dict[str, Any]

    def __str__(self) -> str:
        return display(self.kind, self.name)


async def applied(client: RawClient, raw: dict[str, Any], namespace: str, dry: dict[str, str] | None) -> Applied:
    """Make one object as its manifest says; with the options of a dry run, only find out what that would do.

    Raises:
        ApiError | CliError: the cluster refuses it, and why.
    """
    kind, namespace, name = identify(raw, namespace)
    wanted = _annotated(_with_namespace(raw, namespace))
    try:
        live = (await client.call("get", kind, namespace, name)).body
    except NotFound:
        try:
            reply = await client.call("create", kind, namespace, body=wanted, options=dry)
            warn(reply.warnings)
            return Applied(kind, namespace, name, None, reply.body)
        except AlreadyExists:
            live = (await client.call("get", kind, namespace, name)).body
    patch = three_way_patch(_last_applied(live), wanted, live)
    reply = await client.call("patch", kind, namespace, name, body=patch, options=dry, content_type=MERGE_PATCH)
    warn(reply.warnings)
    return Applied(kind, namespace, name, live, reply.body)


def _told(done: Applied, dry_run: str) -> str:
    """`deployment.apps/web configured`."""
    if done.before is None:
        return f"{done} created{NOTES[dry_run]}"
    before, after = (item["metadata"].get("resourceVersion") for item in (done.before, done.after))
    tried = dry_run != "none"
    changed = _without_revision(done.before) != _without_revision(done.after) if tried else before != after
    return f"{done} {'configured' if changed else 'unchanged'}{NOTES[dry_run]}"


def _with_namespace(raw: dict[str, Any], namespace: str) -> dict[str, Any]:
    """The manifest with its namespace said."""
    if not namespace:
        return raw
    return {**raw, "metadata": {**raw["metadata"], "namespace": namespace}}


def _annotated(raw: dict[str, Any]) -> dict[str, Any]:
    """The manifest with itself noted in it, for the next apply."""
    applied = json.dumps(raw, separators=(",", ":"), sort_keys=True) + "\n"
    annotations = raw["metadata"].get("annotations")
    if annotations is not None and not isinstance(annotations, dict):
        return raw
    return {**raw, "metadata": {**raw["metadata"], "annotations": {**(annotations or {}), LAST_APPLIED: applied}}}


def _last_applied(live: dict[str, Any]) -> dict[str, Any]:
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

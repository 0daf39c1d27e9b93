"""`setpoint edit`: change objects in an editor.

What the editor leaves is sent as a merge patch of what was changed, so what others wrote meanwhile stays; a field that
both changed is a conflict. A refusal opens the editor again with the reason at the top, and nothing is lost.

Source: kubectl `pkg/cmd/util/editor`.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from proto.client.raw import RawClient
from proto.errors import ApiError
from setpoint.cli.errors import CliError
from setpoint.cli.merging import three_way_patch
from setpoint.cli.selection import Chosen, add_selection_arguments, chosen
from setpoint.cli.session import add_cluster_arguments, connect, warn

_INTRO = """\
# Edit the object below. Lines that begin with '#' are ignored, and an empty file cancels the edit.
# If saving it is refused, this file is opened again with the reason.
#
"""
_STATUS = ("status",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    add_selection_arguments(parser, files=False)


async def run(options: argparse.Namespace) -> int:
    """Edit every object that is meant, one after the other."""
    async with connect(options) as client:
        for each in await chosen(client, options):
            await _edit(client, each)
    return 0


async def _edit(client: RawClient, each: Chosen) -> None:
    """Until it is accepted, or given up.

    Raises:
        CliError: it was saved unchanged after a refusal; the file with the changes is named.
    """
    from proto.manifests import dump_yaml

    live = (await client.call("get", each.kind, each.namespace, each.name)).body
    shown = {key: value for key, value in live.items() if key not in _STATUS}
    original = dump_yaml(shown)
    text, reason = original, ""
    while True:
        before = text
        try:
            text = _edited(_INTRO + reason + text, each)
        except CliError as error:
            if text == original:
                raise
            raise CliError(f"{error}; your changes are kept in {_kept(text, each)}") from None
        if not text.strip():
            print("Edit cancelled, saved file was empty.")
            return
        if text == original:
            print("Edit cancelled, no changes made.")
            return
        if reason and text == before:
            raise CliError(f"{_said(reason)}; your changes are kept in {_kept(text, each)}")
        try:
            wanted = _read(text, shown)
            patch = three_way_patch(shown, wanted, shown)
            if not patch:
                print("Edit cancelled, no changes made.")
                return
            patch.setdefault("metadata", {})["resourceVersion"] = await _unless_others_did(client, each, patch, shown)
            reply = await client.call("patch", each.kind, each.namespace, each.name, body=patch)
        except (ApiError, CliError, ValueError) as error:
            reason = "".join(f"# {line}\n" for line in str(error).splitlines()) + "#\n"
            continue
        warn(reply.warnings)
        print(f"{each} edited")
        return


def _edited(text: str, each: Chosen) -> str:
    """What the editor makes of a text, without the lines of comment at its top."""
    command = shlex.split(os.environ.get("SETPOINT_EDITOR") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory(prefix="setpoint-edit-") as folder:
        path = Path(folder) / f"{each.name}.yaml"
        path.write_text(text)
        try:
            status = subprocess.run([*command, str(path)], check=False).returncode
        except FileNotFoundError:
            raise CliError(f'there is no editor "{command[0]}": set $EDITOR') from None
        if status:
            raise CliError(f'the editor "{command[0]}" ended with status {status}; nothing was changed')
        lines = path.read_text().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("#"))


def _read(text: str, shown: dict[str, Any]) -> dict[str, Any]:
    from proto.manifests import load_value

    wanted = load_value(text, "the edited object")
    if not isinstance(wanted, dict):
        raise CliError("the edited text is not an object")
    for field in ("apiVersion", "kind"):
        if wanted.get(field) != shown.get(field):
            raise CliError(f"{field}: cannot be changed")
    if wanted.get("metadata", {}).get("name") != shown["metadata"]["name"]:
        raise CliError("metadata.name: cannot be changed")
    return wanted


async def _unless_others_did(client: RawClient, each: Chosen, patch: dict[str, Any], shown: dict[str, Any]) -> str:
    """The revision to write over: the newest, if nobody else changed what the patch changes.

    Raises:
        CliError: somebody did.
    """
    newest = (await client.call("get", each.kind, each.namespace, each.name)).body
    for path, _ in _leaves(patch):
        if path != ("metadata", "resourceVersion") and _at(newest, path) != _at(shown, path):
            raise CliError(f"{'.'.join(path)} was changed by somebody else meanwhile, to {_at(newest, path)!r}")
    return str(newest["metadata"]["resourceVersion"])


def _leaves(patch: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    found: list[tuple[tuple[str, ...], Any]] = []
    for key, value in patch.items():
        found += _leaves(value, (*path, key)) if isinstance(value, dict) and value else [((*path, key), value)]
    return found


def _at(item: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        item = item.get(key) if isinstance(item, dict) else None
    return item


def _kept(text: str, each: Chosen) -> str:
    handle, path = tempfile.mkstemp(prefix=f"setpoint-edit-{each.name}-", suffix=".yaml")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    return path


def _said(reason: str) -> str:
    return " ".join(line.removeprefix("# ") for line in reason.splitlines() if line != "#")

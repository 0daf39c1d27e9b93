"""`rollout history` and `rollout undo`: the revisions there were, and the way back to one of them.

Source: kubectl `polymorphichelpers/history.go` and `rollback.go`.
"""

from __future__ import annotations

import argparse

from proto.client.raw import JSON_PATCH, RawClient
from proto.rollouts import annotations_of_revision
from setpoint.cli.dry_run import NOTES, api_options
from setpoint.cli.errors import CliError
from setpoint.cli.pages import template_lines
from setpoint.cli.resources import display
from setpoint.cli.rollouts.kinds import Subject
from setpoint.cli.rollouts.revisions import Revision
from setpoint.cli.session import warn


async def history(client: RawClient, subject: Subject, options: argparse.Namespace) -> None:
    """Print all revisions with their causes, or the template of one."""
    revisions = await subject.rules.revisions(client, subject.item)
    who = display(subject.kind, subject.name)
    if options.revision:
        shown = _numbered(revisions, options.revision)
        print(f"{who} with revision #{shown.number}")
        print("\n".join(template_lines({"template": shown.template})))
        return
    print(who)
    print(f"{'REVISION':<10}CHANGE-CAUSE")
    for revision in revisions:
        print(f"{revision.number:<10}{revision.cause or '<none>'}")
    print()


async def undo(client: RawClient, subject: Subject, options: argparse.Namespace) -> None:
    """Set the template back to a former one: the one before the present, or the one of that number.

    Raises:
        CliError: it is paused, or there is no such revision.
    """
    if subject.item["spec"].get("paused"):
        raise CliError(
            f"cannot rollback a paused {subject.kind.singular}; resume it first with 'setpoint rollout resume' and "
            "try again"
        )
    target = chosen(await subject.rules.revisions(client, subject.item), subject, options.to_revision)
    who = display(subject.kind, subject.name)
    if target.template == subject.item["spec"]["template"]:
        print(f"{who} skipped rollback (current template already matches revision {target.number})")
        return
    patch = [{"op": "replace", "path": "/spec/template", "value": target.template}]
    if target.annotations is not None:
        present = subject.item["metadata"].get("annotations", {})
        annotations = annotations_of_revision(present, target.annotations)
        patch.append({"op": "add", "path": "/metadata/annotations", "value": annotations})
    dry = api_options(options.dry_run)
    reply = await client.call(
        "patch",
        subject.kind,
        options.namespace,
        subject.name,
        body=patch,
        content_type=JSON_PATCH,
        options=dry,
    )
    warn(reply.warnings)
    print(f"{who} rolled back{NOTES[options.dry_run]}")


def _numbered(revisions: list[Revision], number: int) -> Revision:
    found = next((revision for revision in revisions if revision.number == number), None)
    if found is None:
        raise CliError(f"unable to find specified revision {number} in history")
    return found


def chosen(revisions: list[Revision], subject: Subject, number: int) -> Revision:
    """The revision of that number; with 0 the newest before the present one that did not fail."""
    if number:
        return _numbered(revisions, number)
    former = [revision for revision in revisions[:-1] if not revision.failed]
    if not former:
        raise CliError(f'no rollout history found for {subject.kind.singular} "{subject.name}"')
    return former[-1]

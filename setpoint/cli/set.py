"""`setpoint set image | env | resources`: change the programs of a pod template without writing a patch.

The containers are changed on the object as it is read, and written against that revision. A pod that is there has its
resources changed while it runs, through its subresource `resize`. From kubectl `pkg/cmd/set`.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from proto.client.raw import RawClient
from setpoint.cli.dry_run import NOTES, add_dry_run_argument, api_options
from setpoint.cli.errors import CliError
from setpoint.cli.selection import Chosen, add_selection_arguments, chosen
from setpoint.cli.session import add_cluster_arguments, connect, warn

Container = dict[str, Any]
Change = Callable[[Container], None]

_SPECS = {
    "Pod": ("spec",),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}
_TEMPLATE = ("spec", "template", "spec")
_WORKLOADS = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", *_SPECS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subverbs and their arguments."""
    subverbs = parser.add_subparsers(dest="subverb", required=True, metavar="SUBVERB")

    def add(name: str, summary: str) -> argparse.ArgumentParser:
        subverb = subverbs.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        add_cluster_arguments(subverb)
        add_selection_arguments(subverb, files=False)
        add_dry_run_argument(subverb)
        return subverb

    add("image", "CONTAINER=IMAGE…: which image a container runs; * stands for all containers")
    env = add("env", "KEY=VALUE…, KEY-: set or remove variables")
    env.add_argument("-c", "--containers", default="*", help="which ones, with wildcards (default: all)")
    env.add_argument("--list", action="store_true", help="print the variables")
    resources = add("resources", "set requests and limits")
    resources.add_argument("-c", "--containers", default="*", help="which ones, with wildcards (default: all)")
    resources.add_argument("--limits", default="", help="such as cpu=500m,memory=128Mi; cpu=0 removes it")
    resources.add_argument("--requests", default="", help="of the same form")


async def run(options: argparse.Namespace) -> int:
    """Change every object that is meant."""
    changes = {"image": _images, "env": _variables, "resources": _resources}[options.subverb](options)
    async with connect(options) as client:
        for each in await chosen(client, options):
            await _set(client, each, changes, options)
    return 0


async def _set(client: RawClient, each: Chosen, changes: dict[str, Change], options: argparse.Namespace) -> None:
    """Apply the changes to the containers that their patterns match.

    Raises:
        CliError: its kind has no containers, or a pattern matches none.
    """
    if each.kind.kind not in _WORKLOADS:
        raise CliError(f"{each.kind.resource} run no programs: name a workload, such as deployment/web")
    item = (await client.call("get", each.kind, each.namespace, each.name)).body
    changed = copy.deepcopy(item)
    path = _SPECS.get(each.kind.kind, _TEMPLATE)
    pod = _at(changed, path)
    containers: list[Container] = [*pod.get("initContainers", ()), *pod.get("containers", ())]
    for pattern, change in changes.items():
        meant = [container for container in containers if fnmatchcase(container["name"], pattern)]
        if not meant:
            names = ", ".join(container["name"] for container in containers)
            raise CliError(f'unable to find container named "{pattern}" in {each}: it has {names}')
        for container in meant:
            change(container)
    if getattr(options, "list", False):
        _print_variables(each, containers)
        return
    if changed == item:
        return
    dry = api_options(options.dry_run)
    part = "resize" if each.kind.kind == "Pod" and options.subverb == "resources" else ""
    reply = await client.call(
        "update", each.kind, each.namespace, each.name, subresource=part, body=changed, options=dry
    )
    warn(reply.warnings)
    what = {"image": "image", "env": "env", "resources": "resource requirements"}[options.subverb]
    print(f"{each} {what} updated{NOTES[options.dry_run]}")


def _images(options: argparse.Namespace) -> dict[str, Change]:
    names, pairs = _pairs(options.resource)
    if not pairs:
        raise CliError("say which image: CONTAINER=IMAGE")
    options.resource = names

    def setting(image: str) -> Change:
        return lambda container: container.update(image=image)

    return {name: setting(image) for name, image in pairs.items()}


def _variables(options: argparse.Namespace) -> dict[str, Change]:
    from setpoint.cli.marks import split

    options.resource, variables = split(options.resource)
    if not variables and not options.list:
        raise CliError("say which variable: KEY=VALUE, or KEY- to remove it")

    def change(container: Container) -> None:
        kept = [each for each in container.get("env", ()) if variables.get(each["name"], "") is not None]
        for each in kept:
            if variables.get(each["name"]) is not None:
                each.pop("valueFrom", None)
                each["value"] = variables[each["name"]]
        known = {each["name"] for each in kept}
        kept += [
            {"name": key, "value": value} for key, value in variables.items() if value is not None and key not in known
        ]
        container["env"] = kept

    return {options.containers: change}


def _resources(options: argparse.Namespace) -> dict[str, Change]:
    from proto.quantity import parse_quantity

    wanted = {"limits": _amounts(options.limits, "--limits"), "requests": _amounts(options.requests, "--requests")}
    if not any(wanted.values()):
        raise CliError("say what to set: --limits cpu=500m,memory=128Mi or --requests of the same form")

    def change(container: Container) -> None:
        resources = container.setdefault("resources", {})
        for field, amounts in wanted.items():
            merged = {**resources.get(field, {}), **amounts}
            resources[field] = {name: amount for name, amount in merged.items() if parse_quantity(amount)}

    return {options.containers: change}


def _amounts(text: str, flag: str) -> dict[str, str]:
    from proto.quantity import parse_quantity

    amounts = {}
    for part in filter(None, text.split(",")):
        name, equals, amount = part.partition("=")
        if not name or not equals:
            raise CliError(f'{flag}: must be of the form cpu=500m,memory=128Mi, found "{part}"')
        try:
            parse_quantity(amount)
        except ValueError as error:
            raise CliError(f"{flag}: {name}: {error}") from None
        amounts[name] = amount
    return amounts


def _pairs(words: list[str]) -> tuple[list[str], dict[str, str]]:
    pairs = dict(word.split("=", 1) for word in words if "=" in word)
    return [word for word in words if "=" not in word], pairs


def _print_variables(each: Chosen, containers: list[Container]) -> None:
    for container in containers:
        print(f"# {each}, container {container['name']}")
        for variable in container.get("env", ()):
            print(f"{variable['name']}={variable.get('value', '<from a reference>')}")


def _at(item: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for key in path:
        item = item[key]
    return item

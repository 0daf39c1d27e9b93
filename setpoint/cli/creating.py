"""Simple objects from flags, a function for each kind: the object in dict form. Source: kubectl `pkg/cmd/create`.

Reads: the flags, a CronJob to make a Job from. Writes nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from proto.catalog import BY_KIND
from setpoint.cli.creating_data import config_map, data_arguments, secret, secret_arguments
from setpoint.cli.errors import CliError
from setpoint.cli.making import comma_pairs, container, manifest
from setpoint.cli.session import connect

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Simple:
    """A kind that can be made from flags."""

    kind: str
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    build: Callable[[argparse.Namespace], Awaitable[Item]]
    aliases: Sequence[str] = ()


def _program_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--image", default="", help="what to run; without it a program of the machine")
    parser.add_argument("command", nargs="*", help="-- COMMAND [ARGUMENTS]")


def _no_arguments(parser: argparse.ArgumentParser) -> None:
    """The name is enough."""


async def _namespace(options: argparse.Namespace) -> Item:
    return manifest("Namespace", options.name)


def _deployment_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-r", "--replicas", type=int, default=1, help="how many pods (default: 1)")
    parser.add_argument("--port", type=int, help="a port it listens on; 0: a free one, in $PORT")
    _program_arguments(parser)


async def _deployment(options: argparse.Namespace) -> Item:
    labels = {"app": options.name}
    program = container(options.name, options)
    if options.port is not None:
        program["ports"] = [{"containerPort": options.port}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": [program]}}
    spec = {"replicas": options.replicas, "selector": {"matchLabels": labels}, "template": template}
    body = manifest("Deployment", options.name, spec=spec)
    body["metadata"]["labels"] = labels
    return body


def _job_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="source", default="", metavar="cronjob/NAME", help="run a CronJob's work now")
    _program_arguments(parser)


async def _job(options: argparse.Namespace) -> Item:
    if options.source:
        return await _job_from(options)
    template = {"spec": {"containers": [container(options.name, options)], "restartPolicy": "Never"}}
    return manifest("Job", options.name, spec={"template": template})


async def _job_from(options: argparse.Namespace) -> Item:
    resource, _, name = options.source.partition("/")
    if resource not in ("cronjob", "cronjobs", "cj") or not name:
        raise CliError(f'--from: must be cronjob/NAME, found "{options.source}"')
    if options.command or options.image:
        raise CliError("--from takes the CronJob's own program: leave out --image and the command")
    async with connect(options) as client:
        cron_job = (await client.call("get", BY_KIND["CronJob"], options.namespace, name)).body
    template = cron_job["spec"]["jobTemplate"]
    body = manifest("Job", options.name, spec=template["spec"])
    metadata = template.get("metadata", {})
    body["metadata"]["labels"] = metadata.get("labels", {})
    body["metadata"]["annotations"] = {**metadata.get("annotations", {}), "cronjob.kubernetes.io/instantiate": "manual"}
    body["metadata"]["ownerReferences"] = [
        {
            "apiVersion": cron_job["apiVersion"],
            "kind": "CronJob",
            "name": name,
            "uid": cron_job["metadata"]["uid"],
            "controller": True,
        }
    ]
    return body


def _cron_job_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--schedule", required=True, help='when, such as "*/5 * * * *" or @daily')
    parser.add_argument("--restart", choices=("OnFailure", "Never"), default="OnFailure", help="default: OnFailure")
    _program_arguments(parser)


async def _cron_job(options: argparse.Namespace) -> Item:
    pod = {"containers": [container(options.name, options)], "restartPolicy": options.restart}
    job = {"spec": {"template": {"spec": pod}}}
    return manifest("CronJob", options.name, spec={"schedule": options.schedule, "jobTemplate": job})


def _budget_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--selector", required=True, help="the pods it protects, such as app=web")
    parser.add_argument("--min-available", default="", help="so many stay available: a number or a percentage")
    parser.add_argument("--max-unavailable", default="", help="so many may be unavailable")


async def _budget(options: argparse.Namespace) -> Item:
    spec: Item = {"selector": {"matchLabels": comma_pairs(options.selector, "--selector")}}
    if bool(options.min_available) == bool(options.max_unavailable):
        raise CliError("say one of --min-available and --max-unavailable")
    for field, text in (("minAvailable", options.min_available), ("maxUnavailable", options.max_unavailable)):
        if text:
            spec[field] = int(text) if text.isdecimal() else text
    return manifest("PodDisruptionBudget", options.name, spec=spec)


def _priority_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--value", type=int, required=True, help="the priority: higher goes first")
    parser.add_argument("--global-default", action="store_true", help="for pods that name no class")
    parser.add_argument("--description", default="", help="when to use it")
    parser.add_argument(
        "--preemption-policy", choices=("PreemptLowerPriority", "Never"), default="PreemptLowerPriority"
    )


async def _priority(options: argparse.Namespace) -> Item:
    body = manifest("PriorityClass", options.name, value=options.value, preemptionPolicy=options.preemption_policy)
    if options.global_default:
        body["globalDefault"] = True
    if options.description:
        body["description"] = options.description
    return body


def _quota_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--hard", required=True, help="the limits, such as pods=10,requests.cpu=4")
    parser.add_argument("--scopes", default="", help="such as BestEffort,NotTerminating")


async def _quota(options: argparse.Namespace) -> Item:
    spec: Item = {"hard": comma_pairs(options.hard, "--hard")}
    if options.scopes:
        spec["scopes"] = options.scopes.split(",")
    return manifest("ResourceQuota", options.name, spec=spec)


SIMPLE: dict[str, Simple] = {
    "namespace": Simple("Namespace", "a room for names", _no_arguments, _namespace, ("ns",)),
    "deployment": Simple("Deployment", "equal pods of one program", _deployment_arguments, _deployment, ("deploy",)),
    "job": Simple("Job", "a program that ends", _job_arguments, _job),
    "cronjob": Simple("CronJob", "a program on a schedule", _cron_job_arguments, _cron_job, ("cj",)),
    "configmap": Simple("ConfigMap", "settings from texts and files", data_arguments, config_map, ("cm",)),
    "secret": Simple("Secret", "secrets: [generic | tls] NAME", secret_arguments, secret),
    "poddisruptionbudget": Simple(
        "PodDisruptionBudget", "how many pods may be missing", _budget_arguments, _budget, ("pdb",)
    ),
    "priorityclass": Simple("PriorityClass", "a priority for pods", _priority_arguments, _priority, ("pc",)),
    "quota": Simple("ResourceQuota", "what a namespace may use", _quota_arguments, _quota, ("resourcequota",)),
}
"""What `create KIND NAME` can make."""


def available() -> list[str]:
    """Those whose kind there is."""
    return [name for name, simple in SIMPLE.items() if simple.kind in BY_KIND]

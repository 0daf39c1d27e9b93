"""What a person calls things: `pods`, `po/web-1`, `deploy,rs`, `all`, turned into kinds and names."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from difflib import get_close_matches
from typing import NamedTuple

from proto import catalog
from proto.catalog import Kind
from setpoint.cli.errors import CliError

ALL_RESOURCES = ("pods", "deployments", "replicasets", "jobs", "cronjobs")
"""What `all` means, as for kubectl: the workloads."""


class Target(NamedTuple):
    """A kind, and the name of one object or "" for all."""

    kind: Kind
    name: str


def find_kind(word: str) -> Kind:
    """The kind that `word` is an alias of.

    Raises:
        CliError: none; the message names the nearest.
    """
    kind = catalog.by_alias(word)
    if kind is None:
        names = [name for known in catalog.KINDS for name in (known.resource, known.singular, *known.short_names)]
        close = get_close_matches(word.lower(), names, 1)
        hint = f', did you mean "{close[0]}"?' if close else "; `setpoint api-resources` lists what there is"
        raise CliError(f'there is no resource "{word}"{hint}')
    return kind


def parse_targets(words: Sequence[str]) -> list[Target]:
    """Read `KIND`, `KIND NAME…`, `KIND/NAME…` or `KIND,KIND`.

    Raises:
        CliError: the words are of none of these forms.
    """
    if not words:
        raise CliError("say which resource, such as `pods` or `deployment/web`")
    if any("/" in word for word in words):
        return [_slashed(word) for word in words]
    first, *names = words
    resources = ALL_RESOURCES if first == "all" else tuple(part for part in first.split(",") if part)
    kinds = [find_kind(resource) for resource in resources]
    if not names:
        return [Target(kind, "") for kind in kinds]
    return [Target(kind, name) for kind in kinds for name in names]


def _slashed(word: str) -> Target:
    resource, slash, name = word.partition("/")
    if not slash or not resource or not name or "/" in name:
        raise CliError(f'"{word}" is not of the form KIND/NAME')
    return Target(find_kind(resource), name)


def namespace_for(kind: Kind, options: argparse.Namespace) -> str:
    """The namespace of a request: "" for cluster-scoped kinds and with `--all-namespaces`."""
    if not kind.namespaced or getattr(options, "all_namespaces", False):
        return ""
    return str(options.namespace)


def display(kind: Kind, name: str) -> str:
    """`pod/web-1`, `deployment.apps/web`: how kubectl names an object."""
    return f"{kind.singular}.{kind.group}/{name}" if kind.group else f"{kind.singular}/{name}"

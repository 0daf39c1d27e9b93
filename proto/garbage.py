"""The report of a garbage collection: what a pass found, and what became of it.

    sp.api.gc.meta.garbage._    client -> any control plane    options => GarbageReport     see `control_plane.garbage`

The options are a mapping: `dryRun` ("All": find, remove nothing), `finishedPodsMax` and `eventsTtlSeconds` (instead of
what the control plane keeps by itself), `limit` (at most so many objects in one pass).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from proto.objects.meta import Count, Many, Model, Text

Outcome = Literal["Found", "Removed", "Terminating", "Failed"]
"""`Found` is all that a dry run does; `Terminating` waits for a finalizer, a grace period or a node."""


class Garbage(Model):
    """One thing that is of no use to anyone any more: an object, or a leftover on a node."""

    api_version: Text = ""
    """The object's group and version; empty for a leftover on a node."""
    kind: Text = ""
    """The object's kind; on a node `Container`, `PodDirectory` or `ControlGroup`."""
    namespace: Text = ""
    """The object's namespace; empty if it is in none."""
    name: Text = ""
    """The object's name; on a node the container's id, the pod's uid or the group's name."""
    uid: Text = ""
    """The object's uid."""
    node: Text = ""
    """The node that it was left over on; empty for an object."""
    reason: Text = ""
    """Why it is garbage, in one word for programs."""
    message: Text = ""
    """Why it is garbage, for people."""
    outcome: Outcome = "Found"
    """What this pass made of it."""
    problem: Text = ""
    """Why it could not be removed."""


class SilentNode(Model):
    """A node whose leftovers are unknown."""

    name: Text = ""
    """The node."""
    problem: Text = ""
    """Why it did not tell."""


class GarbageReport(Model):
    """All that one pass found."""

    API_VERSION: ClassVar[str] = "setpoint.dev/v1"
    KIND: ClassVar[str] = "GarbageReport"

    api_version: Text = API_VERSION
    kind: Text = KIND
    dry_run: bool = False
    """Whether nothing was removed."""
    items: Many[Garbage] = ()
    """What was found: owners before what they owned, leftovers on nodes last."""
    remaining: Count = 0
    """How many more objects were found than the limit lets one pass remove."""
    silent_nodes: Many[SilentNode] = ()
    """The nodes that did not answer."""

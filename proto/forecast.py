"""A forecast: what would become of pods if some objects were as given, without anything being written.

    sp.api.plan.meta.forecast._    client -> any control plane    {"objects": [...]} => Forecast

How it is made stands in `control_plane.foresight`. The objects are whole, as a dry run of their creation or change
returns them.
"""

from __future__ import annotations

from typing import ClassVar

from proto.objects.meta import Count, Many, Model, Text


class ForecastPod(Model):
    """A pod that would be made or ended."""

    namespace: Text = ""
    """Its namespace."""
    name: Text = ""
    """Its name; of a pod that would be made for a new object, one that it may not get."""
    owner: Text = ""
    """The object that it is made for in the end, as `Deployment/web`; empty for one that stands alone."""
    node: Text = ""
    """The node that it would be placed on, or is on; empty if it fits none."""
    problem: Text = ""
    """Why it fits no node, or was not made."""


class Forecast(Model):
    """What would become of pods."""

    API_VERSION: ClassVar[str] = "setpoint.dev/v1"
    KIND: ClassVar[str] = "Forecast"

    api_version: Text = API_VERSION
    kind: Text = KIND
    created: Many[ForecastPod] = ()
    """Pods that would be made."""
    deleted: Many[ForecastPod] = ()
    """Pods that would be ended."""
    waits_for: Many[str] = ()
    """What the rollout would wait for before it goes on, such as a pause of a canary."""
    more: Count = 0
    """Pods beyond the number that is looked at; they are wanted, but not in `created`."""

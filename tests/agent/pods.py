"""Pods for tests, written as manifests are."""

from __future__ import annotations

from typing import Any

from proto.objects.pod import Pod


def pod(name: str = "web", *containers: dict[str, Any], **spec: Any) -> Pod:
    """A pod in namespace `default` with uid `u-<name>`; a container that runs for ever, if none is given."""
    described = [{"name": "app", **container} for container in containers or ({"command": ["serve"]},)]
    return Pod.model_validate(
        {
            "metadata": {"name": name, "namespace": "default", "uid": f"u-{name}", "resourceVersion": "1"},
            "spec": {"containers": described, **spec},
        }
    )


def fake(*options: str, **more: Any) -> dict[str, Any]:
    """A container whose fake program does what the options say (see `node_agent.runtime.fake`)."""
    return {"command": ["fake", *options], **more}

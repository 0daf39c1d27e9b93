"""What a command is given that runs beside a container's program: a probe's, a hook's, or somebody's `exec`.

The program itself was given its variables when it started, and its volumes stay as they are. So nothing that has gone
missing since, such as a ConfigMap, may keep a command from running: it only has the variables that can still be told.

Reads: the pod and what its ConfigMaps and Secrets say now. Returns: `Surroundings`. Never: refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from node_agent.plan.config import Config
from node_agent.plan.environment import Host, environment
from node_agent.plan.expansion import expand
from node_agent.plan.security import user_of
from proto.objects.container import Container
from proto.objects.pod import Pod


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`working_dir` is "" for the pod's own folder; `uid` is None for the agent's."""

    env: Mapping[str, str] = field(default_factory=dict)
    working_dir: str = ""
    uid: int | None = None


def surroundings_of(
    pod: Pod, container: Container, config: Config, chosen_ports: Mapping[str, int], host: Host
) -> Surroundings:
    """Those of a running container, as far as they can be told now."""
    uid = user_of(pod, container)
    as_agent = uid in (None, host.account.uid)
    told = environment(pod, container, config, chosen_ports, host, as_agent=as_agent, strict=False)
    env = {name: value for name, value in told.items() if "\0" not in value}
    return Surroundings(env, expand(container.working_dir, env), uid)

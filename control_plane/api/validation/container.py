"""What a container must be: name, ports, variables, resources.

Source: Kubernetes `pkg/apis/core/validation/validation.go` (validateContainers and what it calls).
"""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.api.validation.downward import check_field_path, check_resource_field
from control_plane.api.validation.health import check_health, check_no_health
from control_plane.api.validation.problems import Problems
from control_plane.api.validation.security import check_security_context
from control_plane.api.validation.volumes import check_mounts
from proto import names
from proto.objects.container import Container, ContainerPort, ResourceRequirements
from proto.objects.env import EnvFromSource, EnvVar, EnvVarSource
from proto.objects.pod import PodSpec
from proto.paths import place_of
from proto.quantity import HUGE_PAGES, parse_quantity
from proto.schema import join

_RESTART_RULES_MAX = 20
_STANDARD_RESOURCES = ("cpu", "memory", "ephemeral-storage", "pids")
"""`pids` is an extension: the most processes that a container may have."""


def check_containers(spec: PodSpec, path: str, problems: Problems) -> None:
    """At least one, each good in itself, and none in the way of another."""
    if not spec.containers:
        problems.required(f"{path}.containers")
    seen: set[str] = set()
    grace_s = spec.termination_grace_period_seconds
    for index, container in enumerate(spec.containers):
        own = f"{path}.containers[{index}]"
        _check_name(container, own, seen, problems)
        _check_container(container, own, problems)
        check_mounts(container.volume_mounts, spec.volumes, f"{own}.volumeMounts", problems)
        check_health(container, own, grace_s, problems)
    for index, container in enumerate(spec.init_containers):
        own = f"{path}.initContainers[{index}]"
        _check_name(container, own, seen, problems)
        _check_container(container, own, problems)
        check_mounts(container.volume_mounts, spec.volumes, f"{own}.volumeMounts", problems)
        if container.restart_policy != "Always":
            check_no_health(container, own, problems)
        else:
            check_health(container, own, grace_s, problems)
    _check_host_ports(spec.containers, f"{path}.containers", problems)


def _check_name(container: Container, path: str, seen: set[str], problems: Problems) -> None:
    """Init containers and others share their names' room."""
    problems.name(f"{path}.name", container.name, names.label_problem(container.name))
    if container.name in seen:
        problems.duplicate(f"{path}.name", container.name)
    seen.add(container.name)


def _check_container(container: Container, path: str, problems: Problems) -> None:
    if container.image != container.image.strip():
        problems.invalid(f"{path}.image", container.image, "must not have leading or trailing whitespace")
    for field, words in (("command", container.command), ("args", container.args)):
        for index, word in enumerate(words):
            problems.no_nul(f"{path}.{field}[{index}]", word)
    problems.no_nul(f"{path}.workingDir", container.working_dir)
    if container.termination_message_path:
        _check_message_path(container, f"{path}.terminationMessagePath", problems)
    _check_ports(container.ports, f"{path}.ports", problems)
    for index, variable in enumerate(container.env):
        _check_variable(variable, f"{path}.env[{index}]", problems)
    for index, source in enumerate(container.env_from):
        _check_env_from(source, f"{path}.envFrom[{index}]", problems)
    check_resources(container.resources, f"{path}.resources", problems)
    _check_restart_rules(container, path, problems)
    _check_resize_policy(container, f"{path}.resizePolicy", problems)
    if container.security_context is not None:
        check_security_context(container.security_context, f"{path}.securityContext", problems)


def _check_message_path(container: Container, path: str, problems: Problems) -> None:
    """A file, which is mounted beside the volumes, so it can neither be where one of them is nor above it."""
    given, place = container.termination_message_path, place_of(container.termination_message_path)
    problems.no_nul(path, given)
    if place == "/":
        problems.invalid(path, given, "must be the path of a file, not the root of the file system")
        return
    for index, mount in enumerate(container.volume_mounts):
        where = f"volumeMounts[{index}] is mounted at {mount.mount_path}"
        mounted = place_of(mount.mount_path)
        if mounted == place:
            problems.invalid(path, given, f"must not be the place of a volume: {where}")
        elif mounted.startswith(f"{place}/"):
            problems.invalid(path, given, f"must not be above a volume, as it is a file: {where}")


def _check_restart_rules(container: Container, path: str, problems: Problems) -> None:
    """They are exceptions from a policy of the container's own."""
    rules = container.restart_policy_rules
    if rules and container.restart_policy is None:
        problems.required(f"{path}.restartPolicy", "must be set when `restartPolicyRules` is")
    if len(rules) > _RESTART_RULES_MAX:
        problems.invalid(f"{path}.restartPolicyRules", len(rules), f"may not be more than {_RESTART_RULES_MAX} rules")
    for index, rule in enumerate(rules):
        own = f"{path}.restartPolicyRules[{index}].exitCodes"
        if rule.exit_codes is None:
            problems.required(own)
        elif not rule.exit_codes.values:
            problems.required(f"{own}.values", "must have at least one exit code")


def _check_ports(ports: Sequence[ContainerPort], path: str, problems: Problems) -> None:
    seen: set[str] = set()
    for index, port in enumerate(ports):
        if not port.name:
            continue
        own = f"{path}[{index}].name"
        problems.name(own, port.name, names.port_name_problem(port.name))
        if port.name in seen:
            problems.duplicate(own, port.name)
        seen.add(port.name)


def _check_host_ports(containers: Sequence[Container], path: str, problems: Problems) -> None:
    """A port of the machine can be had once in a pod."""
    seen: set[tuple[str, str, int]] = set()
    for container_index, container in enumerate(containers):
        for index, port in enumerate(container.ports):
            if not port.host_port:
                continue
            taken = (port.protocol, port.host_ip, port.host_port)
            if taken in seen:
                problems.duplicate(f"{path}[{container_index}].ports[{index}].hostPort", "/".join(map(str, taken)))
            seen.add(taken)


def _check_variable(variable: EnvVar, path: str, problems: Problems) -> None:
    if not variable.name:
        problems.required(f"{path}.name")
    else:
        problems.name(f"{path}.name", variable.name, names.env_name_problem(variable.name))
    problems.no_nul(f"{path}.value", variable.value or "")
    if variable.value_from is None:
        return
    if variable.value:
        problems.invalid(f"{path}.valueFrom", "", "may not be specified when `value` is not empty")
    _check_source(variable.value_from, f"{path}.valueFrom", problems)


def _check_source(source: EnvVarSource, path: str, problems: Problems) -> None:
    """At most one source; none at all is what remains of a source that is not implemented (and was warned of)."""
    keys = {"configMapKeyRef": source.config_map_key_ref, "secretKeyRef": source.secret_key_ref}
    given = [one for one in (*keys.values(), source.field_ref, source.resource_field_ref) if one is not None]
    if len(given) > 1:
        problems.invalid(path, "", "may not have more than one field specified at a time")
    for field, reference in keys.items():
        if reference is not None:
            check_reference(reference.name, f"{path}.{field}", problems)
            problems.name(f"{path}.{field}.key", reference.key, names.config_key_problem(reference.key))
    if source.field_ref is not None:
        check_field_path(source.field_ref.field_path, f"{path}.fieldRef.fieldPath", problems)
    if source.resource_field_ref is not None:
        check_resource_field(source.resource_field_ref, f"{path}.resourceFieldRef", problems)


def _check_env_from(source: EnvFromSource, path: str, problems: Problems) -> None:
    if source.prefix:
        problems.name(f"{path}.prefix", source.prefix, names.env_name_problem(source.prefix))
    if source.config_map_ref is not None and source.secret_ref is not None:
        problems.invalid(path, "", "may not have more than one field specified at a time")
    for field, reference in (("configMapRef", source.config_map_ref), ("secretRef", source.secret_ref)):
        if reference is not None:
            check_reference(reference.name, f"{path}.{field}", problems)


def check_reference(name: str, path: str, problems: Problems) -> None:
    """The name of a ConfigMap or Secret that a pod refers to."""
    if not name:
        problems.required(f"{path}.name")
    else:
        problems.name(f"{path}.name", name, names.subdomain_problem(name))


def resource_name_problem(name: str) -> str | None:
    """What keeps `name` from being a resource that a container may ask for."""
    if name.startswith(HUGE_PAGES):
        return None if _page_bytes(name) else "must name a page size, such as hugepages-2Mi"
    if "/" not in name and name not in _STANDARD_RESOURCES:
        return "must be a standard resource for containers"
    return names.label_key_problem(name)


def _check_resize_policy(container: Container, path: str, problems: Problems) -> None:
    """At most one policy for each resource."""
    seen: set[str] = set()
    for index, policy in enumerate(container.resize_policy):
        if policy.resource_name in seen:
            problems.duplicate(f"{path}[{index}]", policy.resource_name)
        seen.add(policy.resource_name)


def _page_bytes(name: str) -> int:
    """The page size in the name of a resource of huge pages; 0 if there is none."""
    try:
        size = parse_quantity(name.removeprefix(HUGE_PAGES))
    except ValueError:
        return 0
    return int(size) if size > 0 and size == int(size) else 0


def check_resources(resources: ResourceRequirements, path: str, problems: Problems) -> None:
    """Amounts of resources that a container asks for and is limited to."""
    for field, amounts in (("limits", resources.limits), ("requests", resources.requests)):
        for name, amount in amounts.items():
            own = join(f"{path}.{field}", name)
            problems.name(own, name, resource_name_problem(name))
            count = parse_quantity(amount)
            if count < 0:
                problems.invalid(own, amount, "must be greater than or equal to 0")
            elif count % 1 and _is_whole(name):
                problems.invalid(own, amount, "must be an integer")
    for name, wanted in resources.requests.items():
        limit = resources.limits.get(name)
        if limit is not None and parse_quantity(wanted) > parse_quantity(limit):
            problems.invalid(f"{path}.requests", wanted, f"must be less than or equal to {name} limit of {limit}")
    _check_not_overcommitted(resources, path, problems)
    _check_huge_pages(resources, path, problems)


def _is_whole(name: str) -> bool:
    """Whether it is counted in ones that cannot be shared: processes, and what only some nodes offer."""
    return name == "pids" or "/" in name


def _check_not_overcommitted(resources: ResourceRequirements, path: str, problems: Problems) -> None:
    """What is had or not had, huge pages and what only some nodes offer: its limit is its request."""
    limits = resources.limits
    for name, wanted in resources.requests.items():
        if not name.startswith(HUGE_PAGES) and "/" not in name:
            continue
        if name not in limits:
            problems.required(join(f"{path}.limits", name), "Limit must be set for non overcommitable resources")
        elif parse_quantity(wanted) < parse_quantity(limits[name]):
            problems.invalid(f"{path}.requests", wanted, f"must be equal to {name} limit of {limits[name]}")


def _check_huge_pages(resources: ResourceRequirements, path: str, problems: Problems) -> None:
    """They come in whole pages, beside something of the usual kind."""
    limits, requests = resources.limits, resources.requests
    for name, amount in {**requests, **limits}.items():
        size = _page_bytes(name) if name.startswith(HUGE_PAGES) else 0
        if size and parse_quantity(amount) % size:
            field = "limits" if name in limits else "requests"
            problems.invalid(
                join(f"{path}.{field}", name), amount, f"must be a multiple of the page size, {size} bytes"
            )
    named = {**requests, **limits}
    if any(name.startswith(HUGE_PAGES) for name in named) and not named.keys() & {"cpu", "memory"}:
        problems.forbidden(path, "HugePages require cpu or memory")

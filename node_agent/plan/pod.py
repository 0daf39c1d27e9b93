"""The steps for one pod: what to start, stop and remove now, what to report, and when to look again.

A pass is level-based: it looks at everything known of the pod and never at what changed, so a lost event is made good
by the next pass, and a pass over a settled pod plans nothing.

Reads: a `PodView` and the time. Returns: a `PodPlan`. Never: performs a step.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from node_agent.plan import images
from node_agent.plan.ending import probe_grace_s, stop, stop_grace_s, wind_down
from node_agent.plan.failures import failure_of
from node_agent.plan.init_containers import all_containers, last_reboot, must_rerun
from node_agent.plan.launch import CREATING, Hold, Launch, prepare
from node_agent.plan.lives import Life, oom_kills_until
from node_agent.plan.resizing import NO_RESIZE
from node_agent.plan.restarts import CRASH_LOOP, FIRST_BACK_OFF, Restart, duration_text
from node_agent.plan.scene import Scene, again_after, deadline, scene_of, status_of, superseded, target_of, why_ends
from node_agent.plan.view import PodPlan, PodView, PostStart, Start, Step, Target
from proto.objects.container import Container
from proto.objects.pod import Pod
from proto.phases import ENDED

FENCED = "Fenced"
"""The waiting reason of a container whose pod must be one, while the node's lease has run out."""

FENCED_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What follows for one container. `hold`: why it is not started now, if it should be."""

    steps: tuple[Step, ...] = ()
    hold: Hold | None = None
    wake_at: datetime | None = None


def plan_pod(view: PodView, now: datetime) -> PodPlan:
    """The steps, the status and the next time to look."""
    scene = scene_of(view, now)
    reason = why_ends(scene)
    return _keep_up(scene) if reason is None else wind_down(scene, reason)


def _keep_up(scene: Scene) -> PodPlan:
    """A pod that should run: every container is brought on, in order."""
    verdicts: dict[str, _Verdict] = {}
    greeting = False
    for container in all_containers(scene.view.pod):
        name = container.name
        turn = name in scene.progress.turn and not greeting
        verdicts[name] = _live_on(scene, container) if scene.runs(name) else _start(scene, container, turn=turn)
        greeting = greeting or _is_greeting(scene, container, verdicts[name])
    wakes = [at for at in (scene.resize.wake_at, *(verdict.wake_at for verdict in verdicts.values())) if at is not None]
    due = deadline(scene.view, scene.now)
    return PodPlan(
        status=status_of(scene, {name: verdict.hold for name, verdict in verdicts.items() if verdict.hold}),
        steps=(*(step for verdict in verdicts.values() for step in verdict.steps), *_resized(scene)),
        wake_at=min([*wakes, due] if due is not None else wakes, default=None),
        targets=_targets(scene),
    )


def _resized(scene: Scene) -> tuple[Step, ...]:
    """What a resize asks for: other limits, or a new life with them. What is being stopped is left alone."""
    if scene.resize is NO_RESIZE:
        return ()
    kill_at = scene.now + timedelta(seconds=stop_grace_s(scene.view.pod))
    anew = (each for each in all_containers(scene.view.pod) if each.name in scene.resize.restarts)
    stops = (stop(scene, container, kill_at, "resize_restart") for container in anew)
    stopping = scene.view.stopping
    return (
        *(step for step in scene.resize.steps if str(step.id) not in stopping),
        *(each for each in stops if each is not None and str(each.id) not in stopping),
    )


def _live_on(scene: Scene, container: Container) -> _Verdict:
    """A container that runs: what is done after its start, or an end if it is not well."""
    life, view = scene.latest(container.name), scene.view
    assert life is not None
    tidying = superseded(scene, container)
    health = scene.health.get(container.name)
    if health is not None and health.failed is None:
        return _Verdict(tidying)
    grace_s, reason = stop_grace_s(view.pod), "post_start_failed"
    if health is not None:
        probe = container.startup_probe if health.failed == "startup" else container.liveness_probe
        grace_s, reason = probe_grace_s(view.pod, probe), f"{health.failed}_failed"
    elif life.container_id not in view.ungreeted:
        return _Verdict((*tidying, *_greet(scene, container, life)))
    ending = stop(scene, container, scene.now + timedelta(seconds=grace_s), reason)
    return _Verdict((*tidying, ending) if ending is not None and life.container_id not in view.stopping else tidying)


def _greet(scene: Scene, container: Container, life: Life) -> tuple[Step, ...]:
    """The container's postStart hook, unless it is under way."""
    assert container.lifecycle is not None and container.lifecycle.post_start is not None
    if life.container_id in scene.view.busy:
        return ()
    target = target_of(scene, container, life)
    return (PostStart(target.id, target, container.lifecycle.post_start),)


def _is_greeting(scene: Scene, container: Container, verdict: _Verdict) -> bool:
    """Whether the containers after this one wait for its postStart hook (Kubernetes: started one after the other)."""
    if container.lifecycle is None or container.lifecycle.post_start is None or container.name in scene.health:
        return False
    latest = scene.latest(container.name)
    if latest is not None and latest.running:
        return latest.container_id not in scene.view.ungreeted
    next_id = str(scene.id_of(container.name, latest.attempt + 1 if latest else 0))
    return next_id in scene.view.busy or any(isinstance(step, Start) for step in verdict.steps)


def _start(scene: Scene, container: Container, *, turn: bool) -> _Verdict:
    """A container that does not run: its next life, if it should have one, it is its turn, and the time has come."""
    view, latest = scene.view, scene.latest(container.name)
    restart = again_after(scene, container, latest) if latest else None
    again = latest is not None and restart is None and must_rerun(latest, last_reboot(scene.lives))
    again = again and container in view.pod.spec.init_containers
    tidying = superseded(scene, container)
    next_id = scene.id_of(container.name, latest.attempt + 1 if latest else 0)
    wanted = view.reported.phase not in ENDED and (latest is None or restart is not None or again)
    if not turn or not wanted:
        return _Verdict(tidying)
    failure = failure_of(latest, view.ungreeted) if restart is not None else None
    if str(next_id) in view.busy:
        return _Verdict(tidying, failure)
    if restart is not None and not restart.is_due(scene.now):
        told = failure if restart.series <= FIRST_BACK_OFF else None
        return _Verdict(tidying, told or _crash_loop(view.pod, container, restart), restart.due)
    launch = _launch(view, container)
    if isinstance(launch, Hold):
        wake_at = None if launch.retry_s is None else scene.now + timedelta(seconds=launch.retry_s)
        return _Verdict(tidying, launch, wake_at)
    reason = "machine_restarted" if again else "restart" if restart else "first_start"
    start = Start(next_id, launch, restart.series if restart else 0, reason, oom_kills_until(latest))
    return _Verdict((*tidying, start), Hold(CREATING, view.unmounted) if view.unmounted else failure)


def _launch(view: PodView, container: Container) -> Launch | Hold:
    """The container's launch; every container of a pod waits for an image that one of them needs."""
    if view.fenced:
        return Hold(
            FENCED, "waiting for the hub to say that this pod was not replaced meanwhile", retry_s=FENCED_POLL_S
        )
    problem = images.image_problem(container.image)
    if problem:
        return Hold(images.REASON, problem)
    if not images.all_runnable(view.pod):
        return Hold(images.REASON, "another container of this pod needs an image, and images are not supported yet")
    return prepare(view.pod, container, view.config, view.ports, view.host)


def _crash_loop(pod: Pod, container: Container, restart: Restart) -> Hold:
    """The waiting state of a container in back-off, in the kubelet's words."""
    meta = pod.metadata
    return Hold(
        CRASH_LOOP,
        f"back-off {duration_text(restart.back_off_s)} restarting failed container={container.name} "
        f"pod={meta.name}_{meta.namespace}({meta.uid})",
    )


def _targets(scene: Scene) -> tuple[Target, ...]:
    """The containers that probes look at: those that run, have been greeted and are not being stopped."""
    found = []
    for container in all_containers(scene.view.pod):
        life = scene.latest(container.name)
        health = scene.health.get(container.name)
        if life is None or health is None or life.container_id in scene.view.stopping:
            continue
        if container.startup_probe or container.liveness_probe or container.readiness_probe:
            found.append(target_of(scene, container, life))
    return tuple(found)

"""Canaries and automatic rollbacks under arbitrary interleavings: bounds are kept, and nothing goes to and fro."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from control_plane.controllers.pods import is_active, is_ready
from control_plane.controllers.scaling import bounds
from control_plane.plan import Action, Update
from proto.objects.apps import (
    CanaryPause,
    CanaryStep,
    CanaryStrategy,
    Deployment,
    DeploymentStrategy,
    ReplicaSet,
    RollingUpdateDeployment,
)
from proto.objects.pod import Pod, PodTemplateSpec
from proto.rollouts import ABORTED, PROMOTED
from tests.controllers.builders import template
from tests.controllers.interleaving import VERSIONS
from tests.controllers.test_rollout_properties import FaultyRollouts

ROLLING = RollingUpdateDeployment(max_surge=2, max_unavailable=1)
STEPS = (
    CanaryStep(set_weight=20),
    CanaryStep(pause=CanaryPause()),
    CanaryStep(set_replicas=3),
    CanaryStep(pause=CanaryPause(duration_seconds=20)),
    CanaryStep(set_weight=80),
    CanaryStep(pause=CanaryPause()),
)
CANARY = DeploymentStrategy(type="Canary", rolling_update=ROLLING, canary=CanaryStrategy(steps=STEPS))


class SafeRollouts(FaultyRollouts):
    """What people say to canaries, crash loops and deadlines, around one Deployment with autoRollback."""

    def __init__(self) -> None:
        super().__init__()
        changes = {"spec.strategy": CANARY, "spec.auto_rollback": True, "spec.progress_deadline_seconds": 40}
        self.world.update(self._deployment, **changes)
        self._settle()
        self.chosen = self._deployment.spec.template
        self.moves = 0
        self._at_rest()

    # What must hold

    def _check(self, action: Action) -> None:
        super()._check(action)
        if not isinstance(action, Update) or action.reason != "auto_rollback":
            return
        back = action.object
        assert isinstance(back, Deployment)
        self.moves += 1
        assert self.moves == 1, "it went back twice though no person changed the template"
        assert back.spec.template != self.chosen, "it went back to what failed"
        assert self._was_ever_available(back.spec.template), "it went to what was never fully available"

    def _was_ever_available(self, wanted: PodTemplateSpec) -> bool:
        return wanted.spec.containers[0].command[1] in self.proven

    def teardown(self) -> None:
        """Once people and faults stop, the canary is let go, and all comes to rest."""
        self.machines.broken.clear()
        self.world.update(self._deployment, **{"spec.paused": False})
        for _ in range(8):
            self._settle()
            self._say(aborted=None, promoted=f"{self._revision}/full")
        super().teardown()

    # What people do

    @rule(version=st.sampled_from(VERSIONS))
    def change_the_template_or_go_back(self, version: str) -> None:
        self.world.update(self._deployment, **{"spec.template": template(version)})
        self.chosen, self.moves = self._deployment.spec.template, 0

    @rule(full=st.booleans())
    def promote(self, full: bool) -> None:
        canary = self._deployment.status.canary
        if canary is not None:
            where = "full" if full else str(canary.current_step_index)
            self._say(aborted=None, promoted=f"{canary.revision}/{where}")

    @rule()
    def abort(self) -> None:
        self._say(aborted=str(self._revision))

    @rule(canary=st.booleans())
    def change_the_strategy(self, canary: bool) -> None:
        strategy = CANARY if canary else DeploymentStrategy(rolling_update=ROLLING)
        self.world.update(self._deployment, **{"spec.strategy": strategy})
        self.limits.append(bounds(self._deployment.spec))

    @rule(auto=st.booleans())
    def change_auto_rollback(self, auto: bool) -> None:
        self.world.update(self._deployment, **{"spec.auto_rollback": auto})

    # What breaks

    @rule(version=st.sampled_from(VERSIONS))
    def a_version_crash_loops(self, version: str) -> None:
        self.machines.broken.add(version)
        for pod in self.world.all(Pod):
            if pod.spec.node_name and is_active(pod) and version in pod.spec.containers[0].command:
                self.faults += is_ready(pod)
                self.machines.crash_loop(pod)

    @rule(version=st.sampled_from(VERSIONS), rounds=st.integers(0, 3))
    def a_bad_version_is_tried(self, version: str, rounds: int) -> None:
        """Spelt out, because chance alone seldom finds the way to a rollback."""
        self.machines.broken.add(version)
        self.change_the_template_or_go_back(version)
        self.a_while_passes(rounds)
        self.a_version_crash_loops(version)

    # Who acts when

    @rule(rounds=st.integers(1, 6))
    def a_while_passes(self, rounds: int) -> None:
        for _ in range(rounds):
            self.world.settle(self._machines_work)
            self.world.advance(6)

    # How

    def _machines_work(self) -> bool:
        worked = self.machines.work()
        self.before = self._ready()
        return worked

    @property
    def _revision(self) -> int:
        canary = self._deployment.status.canary
        return 0 if canary is None else canary.revision

    @property
    def proven(self) -> set[str]:
        """The versions whose ReplicaSets say that they were fully available once."""
        return {
            each.spec.template.spec.containers[0].command[1]
            for each in self.world.all(ReplicaSet)
            if "setpoint.dev/completed-revision" in each.metadata.annotations
        }

    def _say(self, **words: str | None) -> None:
        names = {"aborted": ABORTED, "promoted": PROMOTED}
        annotations = dict(self._deployment.metadata.annotations)
        for name, text in words.items():
            annotations.pop(names[name], None)
            if text is not None:
                annotations[names[name]] = text
        self.world.update(self._deployment, **{"metadata.annotations": annotations})


SafeRollouts.TestCase.settings = settings(
    max_examples=80, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
TestSafeRollouts = SafeRollouts.TestCase

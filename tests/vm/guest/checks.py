"""All checks, in the order in which they run: one sentence each, told by the name of a function.

They share one cluster. `subject` is a pod that is started once and must stay the same, with the same process and no
restart, through all that is done to the agent and the supervisor.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.vm.guest import joining, limits, reboot, restarts, units
from tests.vm.guest.cluster import Cluster

Check = Callable[[Cluster], Awaitable[None]]

BEFORE_REBOOT: tuple[Check, ...] = (
    units.the_units_start,
    units.the_node_is_ready_and_keeps_all_limits,
    limits.limits_are_in_the_kernels_files,
    limits.classes_are_levels_with_what_they_ask_for,
    limits.what_is_reserved_is_kept_from_the_pods,
    units.every_group_lies_in_a_delegated_subtree,
    units.nothing_is_made_outside_of_it,
    units.the_agents_own_group_holds_the_agent_alone,
    limits.too_much_memory_is_an_oom_kill,
    limits.an_oom_kill_of_a_child_ends_the_container,
    limits.huge_pages_are_had_up_to_the_limit,
    limits.a_resize_changes_the_kernels_files_and_restarts_nothing,
    limits.usage_is_told_with_what_is_waited_for,
    restarts.a_deleted_pod_leaves_neither_process_nor_group,
    restarts.a_restart_of_the_agent_disturbs_nothing,
    restarts.kill_9_of_the_agent_disturbs_nothing,
    restarts.stopping_the_agent_stops_no_workload_and_an_exit_meanwhile_is_reported,
    restarts.kill_9_of_the_supervisor_disturbs_nothing,
    restarts.kill_9_of_agent_and_supervisor_disturbs_nothing,
    restarts.a_restart_of_the_nats_server_disturbs_nothing,
    limits.new_pods_still_have_limits,
    restarts.what_a_stopped_scope_ends_runs_again_in_another,
    reboot.a_reboot_is_prepared,
)

AFTER_REBOOT: tuple[Check, ...] = (
    reboot.the_machine_goes_down_at_once,
    reboot.workloads_are_asked_to_end_first,
    reboot.the_node_comes_back,
    reboot.a_pod_of_before_is_restarted_for_the_reboot,
    reboot.a_deployment_has_its_replicas_again,
    joining.machines_join_by_one_line_each,
    joining.a_node_says_which_limits_it_keeps,
    joining.a_joined_machine_keeps_limits_and_pods,
    joining.an_ordinary_users_pods_have_limits_and_go_on,
    joining.limits_that_cannot_be_kept_are_refused,
)

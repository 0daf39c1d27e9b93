"""What the cluster and its namespaces ask of new objects, whoever creates them: a person or a controller.

What enters: an object that is about to be created, good in itself. What leaves: the object as it may be stored, or a
refusal (`Forbidden`) in Kubernetes' words. The API and the engine both come through here, so that a pod of a
ReplicaSet is held to the same as one made by hand.

    policies      all of it, in order: the one thing that the API and the engine use
    priorities    pure: PriorityClasses, and what a pod's class means for the pod
    limit_ranges  pure: LimitRanges, their defaults and their limits
    amounts       pure: quantities as whole numbers and back
    quota_usage   pure: what an object uses of which resource, and which pods a quota counts
    quota_ledger  pure: charging a quota, counting it anew
    charging      the one part that writes: charges quotas by compare-and-swap before the object is stored

    completed = policies.completed(obj)          # priority, defaults of LimitRanges
    policies.check(completed)                    # limits of LimitRanges
    async with policies.charged(completed):      # quotas
        await store.put(completed, 0)

Never here: what an object must be in itself (that is `control_plane.api.validation`).
"""

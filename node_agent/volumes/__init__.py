"""Volumes on this machine: files that follow ConfigMaps, Secrets and the pod, empty folders, places of the machine.

    <pod's directory>/volumes/<volume>/          what containers mount
        level -> ..data/level                    a file, by its own name
        ..data -> ..1f3a                         all files as they are now
        ..1f3a/level                             the same, as files

What the files should be is decided in `node_agent.plan.volumes`; here they are written. All files of a volume change at
once, when `..data` is renamed into its place, so no program ever sees half of a change (Kubernetes: AtomicWriter).

    atomic_files   writes the files of one volume
    places         empty folders, and what must be there of a `hostPath`
    keeper         all volumes of all pods

Only the agent may enter the folder of a pod's volumes: other users of the machine reach none of its Secrets, while its
programs see a volume by their own mount of it.
"""

"""The object model: Kubernetes' kinds in Kubernetes' spelling, as frozen pydantic models, a file per API group.

An object is immutable and shared: decoded once, read by everyone, never copied to be safe. To change one, make
another with `meta.evolve`. Python names are snake_case, the wire is Kubernetes' camelCase (with its irregular ones
such as `podIP`). Kubernetes' defaults are the models' defaults, so an object read back shows what is in force;
empty lists, maps and unset fields are left out.

What Kubernetes has and we do not (yet) is named in each model's `UNIMPLEMENTED`: such a field is accepted with a
warning and dropped. Anything else that a model does not name is a mistake of the writer, see `proto.schema`.

Never here: I/O, time, and rules that look at more than the value itself (those are admission's).
"""

"""The objects of one kind in memory, found by name, namespace, owner and label.

Every index is a map from a term to the keys of the objects that have it, kept up at a cost of the terms that change.
Maps keep their insertion order, so that the same history gives the same order of answers.

Reads and writes: itself. Never here: I/O, waiting.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from proto.objects.meta import LabelSelector, LabelSelectorRequirement, Object
from proto.objects.pod import PodSpec
from proto.selectors import matches

ObjectKey = tuple[str, str]
Term = tuple[str, ...]
"""("ns", namespace) | ("orphans", namespace) | ("owner", uid) | ("label", namespace, key) | …

("selects", namespace, key, value): it chooses others, and none without that label; ("selects", namespace): it chooses
others, by no label in particular."""


def terms(obj: Object) -> list[Term]:
    """Everything that an object can be found by, apart from its own key."""
    metadata = obj.metadata
    namespace = metadata.namespace
    found: list[Term] = [("ns", namespace)]
    found += [("owner", owner.uid) for owner in metadata.owner_references]
    if metadata.controller is None:
        found.append(("orphans", namespace))
    for key, value in metadata.labels.items():
        found += ("label", namespace, key), ("label", namespace, key, value)
    spec = getattr(obj, "spec", None)
    if isinstance(spec, PodSpec):
        if spec.node_name:
            found.append(("node", spec.node_name))
    elif isinstance(selector := getattr(spec, "selector", None), LabelSelector):
        found.append(("selects", namespace, *min(selector.match_labels.items(), default=())))
    return found


class KindIndex:
    """All objects of one kind."""

    def __init__(self) -> None:
        self.objects: dict[ObjectKey, Object] = {}
        self._keys: dict[Term, dict[ObjectKey, None]] = {}

    def put(self, obj: Object) -> Object | None:
        """Hold `obj` in the place of what was under its key, which is returned."""
        key = obj.key
        old = self.objects.get(key)
        self.objects[key] = obj
        before, after = terms(old) if old is not None else [], terms(obj)
        if before == after:
            return old
        had = set(before)
        # In the order of `terms`, not of a set, so that every process builds the same maps.
        for term in after:
            if term not in had:
                self._keys.setdefault(term, {})[key] = None
        self._drop(key, had.difference(after))
        return old

    def remove(self, key: ObjectKey) -> Object | None:
        """Forget the object under `key`, which is returned."""
        old = self.objects.pop(key, None)
        if old is not None:
            self._drop(key, set(terms(old)))
        return old

    def having(self, *term: str) -> list[Object]:
        """The objects that have a term."""
        return [self.objects[key] for key in self._keys.get(term, ())]

    def orphans(self, namespace: str, selector: LabelSelector) -> list[Object]:
        """Those of the selected ones that nobody controls; costs as many as there are of the rarer sort."""
        uncontrolled = self._keys.get(("orphans", namespace), {})
        candidates = min([uncontrolled], *self._candidates(namespace, selector), key=_size)
        found = dict.fromkeys(key for keys in candidates for key in keys if key in uncontrolled)
        return [obj for obj in map(self.objects.__getitem__, found) if matches(selector, obj.metadata.labels)]

    def selected(self, namespace: str, selector: LabelSelector) -> list[Object]:
        """Those in `namespace` that a label selector chooses; the rarest of its terms decides the cost."""
        candidates = min(self._candidates(namespace, selector), key=_size)
        found = dict.fromkeys(key for keys in candidates for key in keys)
        return [obj for obj in map(self.objects.__getitem__, found) if matches(selector, obj.metadata.labels)]

    def selecting(self, namespace: str, labels: Mapping[str, str]) -> list[Object]:
        """Those whose own selector chooses an object with `labels`; costs the labels and who wants one of them."""
        asked = [("selects", namespace), *(("selects", namespace, *label) for label in labels.items())]
        found = [self.objects[key] for term in asked for key in self._keys.get(term, ())]
        return [obj for obj in found if matches(_selector_of(obj), labels)]

    def _candidates(self, namespace: str, selector: LabelSelector) -> Iterator[list[dict[ObjectKey, None]]]:
        """For each part of the selector that an index answers, the sets which together hold all that match it."""
        yield [self._keys.get(("ns", namespace), {})]
        for key, value in selector.match_labels.items():
            yield [self._keys.get(("label", namespace, key, value), {})]
        for requirement in selector.match_expressions:
            asked = _terms_of(namespace, requirement)
            if asked is not None:
                yield [self._keys.get(term, {}) for term in asked]

    def _drop(self, key: ObjectKey, gone: Iterable[Term]) -> None:
        for term in gone:
            keys = self._keys[term]
            del keys[key]
            if not keys:
                del self._keys[term]


def _selector_of(obj: Object) -> LabelSelector:
    """The selector of an object that the index knows to have one."""
    selector: LabelSelector = obj.spec.selector  # type: ignore[attr-defined]
    return selector


def _terms_of(namespace: str, requirement: LabelSelectorRequirement) -> list[Term] | None:
    """The terms of which a match has at least one; None if the requirement asks for an absence."""
    match requirement.operator:
        case "In":
            return [("label", namespace, requirement.key, value) for value in requirement.values]
        case "Exists":
            return [("label", namespace, requirement.key)]
    return None


def _size(candidates: list[dict[ObjectKey, None]]) -> int:
    return sum(map(len, candidates))

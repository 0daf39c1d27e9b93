"""The next sizes of a Deployment's ReplicaSets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.controllers.rollout import Fleet, Sizes, available, first_size, recreated, rescaled, rolled
from control_plane.controllers.scaling import bounds
from proto.objects.apps import ReplicaSet
from proto.objects.meta import evolve
from proto.rollouts import DESIRED_REPLICAS, MAX_REPLICAS
from tests.controllers.builders import RECREATE, deployment, replica_set


def rs(name: str, replicas: int, available: int | None = None, **more: int) -> ReplicaSet:
    age_s = {"a": 900.0, "b": 600.0, "new": 60.0}[name]
    return replica_set(name, replicas, available=available, age_s=age_s, **more)  # type: ignore[arg-type]


def fleet(new: ReplicaSet | None, *former: ReplicaSet) -> Fleet:
    return Fleet(new, former)


def short(sizes: Sizes) -> dict[str, int]:
    return {uid.removeprefix("uid-"): size for uid, size in sizes.items()}


TEN = deployment(10)


# Ten pods with the defaults: at most 13 in all, at least 8 available.
@pytest.mark.parametrize(
    ("new", "former", "sizes"),
    [
        pytest.param(rs("new", 0), (rs("a", 10),), {"new": 3}, id="it begins with the surge"),
        pytest.param(rs("new", 3, 0), (rs("a", 10),), {"a": 8}, id="the former one gives up what may be unavailable"),
        pytest.param(rs("new", 3, 0), (rs("a", 8),), {"new": 5}, id="what it gave up goes to the new one"),
        pytest.param(rs("new", 5, 0), (rs("a", 8),), {}, id="then it waits for available pods"),
        pytest.param(rs("new", 5, 2), (rs("a", 8),), {"a": 6}, id="for each new available pod one more can be spared"),
        pytest.param(rs("new", 10, 10), (rs("a", 3),), {"a": 0}, id="in the end the former one is empty"),
        pytest.param(rs("new", 10, 9), (), {}, id="alone there is nothing to do"),
        pytest.param(rs("new", 12), (rs("a", 1),), {"new": 10}, id="a new one that is too large shrinks first"),
        pytest.param(rs("new", 3, 0), (rs("a", 10, 6),), {"a": 8}, id="of the former pods the broken ones go first"),
        pytest.param(rs("new", 5, 0), (rs("a", 8, 4),), {}, id="but not while the new ones may be broken as well"),
        pytest.param(rs("new", 4, 4), (rs("a", 3), rs("b", 6)), {"a": 0, "b": 4}, id="the oldest gives up first"),
        pytest.param(rs("new", 4, 4), (rs("a", 4, 0), rs("b", 5)), {"a": 0, "b": 4},
                     id="broken ones of all go before good ones of any"),
    ],
)  # fmt: skip
def test_rolled(new: ReplicaSet, former: tuple[ReplicaSet, ...], sizes: dict[str, int]) -> None:
    assert short(rolled(TEN, fleet(new, *former), bounds(TEN.spec))) == sizes


def test_without_a_surge_the_former_one_goes_first() -> None:
    small = deployment(3, surge=0, unavailable=1)
    assert short(rolled(small, fleet(rs("new", 0), rs("a", 3)), bounds(small.spec))) == {"a": 2}
    assert short(rolled(small, fleet(rs("new", 0), rs("a", 2)), bounds(small.spec))) == {"new": 1}


@pytest.mark.parametrize(
    ("former", "size"),
    [
        pytest.param((), 10, id="the first revision gets everything"),
        pytest.param((rs("a", 10),), 3, id="a later one the surge"),
        pytest.param((rs("a", 13),), 0, id="or nothing, if there is no room"),
        pytest.param((rs("a", 4),), 9, id="and what is missing"),
        pytest.param((rs("a", 0),), 10, id="or everything, if nothing is left"),
    ],
)
def test_first_size(former: tuple[ReplicaSet, ...], size: int) -> None:
    assert first_size(deployment(10), former) == size


@pytest.mark.parametrize(
    ("new", "former", "pods_run", "sizes"),
    [
        pytest.param(None, (rs("a", 3),), True, {"a": 0}, id="first the former one ends"),
        pytest.param(None, (rs("a", 0),), True, {}, id="then its pods are waited for"),
        pytest.param(None, (rs("a", 0),), False, {}, id="then there must be a new one"),
        pytest.param(rs("new", 0), (rs("a", 0),), False, {"new": 5}, id="which starts at once in full"),
    ],
)
def test_recreated(
    new: ReplicaSet | None, former: tuple[ReplicaSet, ...], pods_run: bool, sizes: dict[str, int]
) -> None:
    assert short(recreated(deployment(5, **RECREATE), fleet(new, *former), former_pods_run=pods_run)) == sizes


@pytest.mark.parametrize(
    ("wanted", "new", "former", "sizes"),
    [
        pytest.param(5, rs("new", 10, of=10), (rs("a", 0),), {"new": 5}, id="one active ReplicaSet takes it all"),
        pytest.param(5, rs("new", 0), (rs("a", 10, of=10),), {"a": 5}, id="even if it is a former one"),
        pytest.param(4, rs("new", 0), (), {"new": 4}, id="from nothing the current one grows"),
        pytest.param(4, None, (rs("a", 0), rs("b", 0)), {"b": 4}, id="or without one the newest"),
        pytest.param(10, rs("new", 10, of=10), (rs("a", 3, of=9),), {"a": 0}, id="a complete one lets the others end"),
        # 8 of 13 and 5 of 13, to be spread over 10 * 1.5 + surge 4 = 19 places.
        pytest.param(15, rs("new", 5, 5, of=10, room=13), (rs("a", 8, of=10, room=13),), {"new": 7, "a": 12},
                     id="growing keeps the shares"),
        pytest.param(5, rs("new", 5, 5, of=10, room=13), (rs("a", 8, of=10, room=13),), {"new": 3, "a": 4},
                     id="shrinking keeps the shares"),
        pytest.param(0, rs("new", 5, of=10, room=13), (rs("a", 8, of=10, room=13),), {"new": 0, "a": 0},
                     id="to nothing all shrink to nothing"),
        pytest.param(11, rs("new", 6, of=10, room=13), (rs("a", 7, of=10, room=13),), {"new": 6, "a": 8},
                     id="what rounding leaves goes to the largest"),
        pytest.param(10, rs("new", 5, 0, of=10, room=13), (rs("a", 8, of=20, room=25),), {"new": 5, "a": 8},
                     id="where nothing changes nothing is moved"),
    ],
)  # fmt: skip
def test_rescaled(wanted: int, new: ReplicaSet | None, former: tuple[ReplicaSet, ...], sizes: dict[str, int]) -> None:
    assert short(rescaled(deployment(wanted), fleet(new, *former))) == sizes


def test_shrinking_in_proportion_takes_unavailable_pods_first() -> None:
    """Kubernetes would leave 4 + 3 here, with 4 of the wanted 5 pods available where 5 can be."""
    strict = deployment(5, surge=2, unavailable=0)
    new, old = rs("new", 5, 0, of=10, room=13), rs("a", 8, 8, of=10, room=13)
    assert short(rescaled(strict, fleet(new, old))) == {"new": 2, "a": 5}


SIZES = st.integers(0, 12)


@st.composite
def fleets(draw: st.DrawFn) -> tuple[Fleet, int]:
    """Any three settled ReplicaSets, sized for some earlier wanted count."""
    of = draw(st.integers(1, 12))
    sets = []
    for name in ("a", "b", "new"):
        replicas = draw(SIZES)
        sets.append(rs(name, replicas, draw(st.integers(0, replicas)), of=of, room=of + draw(st.integers(0, 4))))
    return Fleet(sets[2], tuple(sets[:2])), of


def applied(each: ReplicaSet, sizes: Sizes) -> int:
    return sizes.get(each.metadata.uid, each.spec.replicas)


@settings(max_examples=400, deadline=None)
@given(fleets(), st.integers(0, 12), st.integers(0, 4), st.integers(0, 4), st.booleans())
def test_one_step_keeps_the_bounds(
    found: tuple[Fleet, int], wanted: int, surge: int, unavailable: int, scale: bool
) -> None:
    """Never above the ceiling by growing; never below the floor, or below what is, by shrinking."""
    them, _ = found
    target = deployment(wanted, surge=surge, unavailable=unavailable)
    limits = bounds(target.spec)
    sizes = rescaled(target, them) if scale else rolled(target, them, bounds(target.spec))
    before = sum(each.spec.replicas for each in them.all)
    after = sum(applied(each, sizes) for each in them.all)
    assert after <= max(limits.ceiling, before)
    there = sum(map(available, them.all))
    stays = sum(min(available(each), applied(each, sizes)) for each in them.all)
    assert stays >= min(there, limits.floor)
    assert all(size >= 0 for size in sizes.values())


@settings(max_examples=200, deadline=None)
@given(fleets(), st.integers(0, 12), st.integers(0, 4), st.integers(0, 4))
def test_steps_lead_to_the_current_one_alone(
    found: tuple[Fleet, int], wanted: int, surge: int, unavailable: int
) -> None:
    """If every pod gets available, repeated steps end with the current ReplicaSet at the wanted size."""
    them, _ = found
    target = deployment(wanted, surge=surge, unavailable=unavailable)
    them = Fleet(_moved(them.all[2], them.all[2].spec.replicas), tuple(_moved(e, e.spec.replicas) for e in them.former))
    for _ in range(100):
        sizes = rolled(target, them, bounds(target.spec))
        if not sizes:
            break
        moved = [_moved(each, applied(each, sizes)) for each in them.all]
        them = Fleet(moved[2], tuple(moved[:2]))
    assert [each.spec.replicas for each in them.all] == [0, 0, wanted]


def _moved(each: ReplicaSet, size: int) -> ReplicaSet:
    return evolve(each, **{"spec.replicas": size, "status.replicas": size, "status.available_replicas": size})


def test_annotations_that_cannot_be_read_count_as_none() -> None:
    odd = evolve(rs("new", 2), **{"metadata.annotations": {DESIRED_REPLICAS: "many", MAX_REPLICAS: "-1"}})
    assert short(rescaled(deployment(4), fleet(odd, rs("a", 2)))) == {"new": 3, "a": 2}

"""Which groups have to be set: none where a program is in them already, so that one who is not root need not."""

from __future__ import annotations

import os
import pwd

import pytest

from node_agent.runtime.accounts import home_of, settled
from node_agent.runtime.port import Security

NOBODY = pwd.getpwnam("nobody")
OTHER, UNKNOWN = 4_000_000, 4_000_001
ITSELF = Security(uid=NOBODY.pw_uid, gid=NOBODY.pw_gid)


@pytest.mark.parametrize(
    ("further", "security", "groups"),
    [
        ([NOBODY.pw_gid], ITSELF, None),
        ([], ITSELF, None),
        ([], Security(groups=(NOBODY.pw_gid,)), None),
        ([OTHER], Security(groups=(OTHER,)), None),
        ([OTHER], ITSELF, (NOBODY.pw_gid,)),
        ([], Security(groups=(OTHER,)), (OTHER,)),
        ([OTHER], Security(groups=(), own_groups=False), ()),
        ([], Security(uid=UNKNOWN), ()),
    ],
    ids=["itself", "no-further", "own-group", "further", "fewer", "more", "strict", "another"],
)
def test_the_groups_to_set(
    further: list[int], security: Security, groups: tuple[int, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getgroups", lambda: further)
    monkeypatch.setattr(os, "getegid", lambda: NOBODY.pw_gid)
    assert settled(security).groups == groups


def test_a_number_without_an_account_has_its_own_group_and_no_home() -> None:
    assert settled(Security(uid=UNKNOWN)).gid == UNKNOWN
    assert (home_of(NOBODY.pw_uid), home_of(UNKNOWN)) == (NOBODY.pw_dir, None)

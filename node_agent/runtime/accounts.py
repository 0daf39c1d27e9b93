"""The machine's own users and groups: what a number of a user means for a process.

Blocks: where accounts are kept elsewhere (LDAP), a look-up takes its time.
"""

from __future__ import annotations

import os
import pwd

from node_agent.runtime.port import Security


def settled(security: Security) -> Security:
    """The same with the group and all groups decided.

    Without a group it is the user's own of the machine's accounts; for a number without an account, the group of the
    same number, and no other group (containers would take group 0, which means something on a host).
    """
    uid, gid = security.uid, security.gid
    account = None
    if uid is not None:
        try:
            account = pwd.getpwuid(uid)
        except KeyError:
            account = None
        if gid is None:
            gid = account.pw_gid if account is not None else uid
    if uid is None and security.groups is None:
        return security
    own: set[int] = set()
    if security.own_groups:
        if account is not None:
            own = set(os.getgrouplist(account.pw_name, account.pw_gid))
        elif uid is None:
            own = set(os.getgroups())
    groups = own | set(security.groups or ())
    return security._replace(gid=gid, groups=_changed(groups, gid))


def home_of(uid: int) -> str | None:
    """The home of a user of the machine's accounts; None for a number without one."""
    try:
        return pwd.getpwuid(uid).pw_dir
    except KeyError:
        return None


def _changed(groups: set[int], gid: int | None) -> tuple[int, ...] | None:
    """What has to be set; None where it is so already, and one who is not root may leave it.

    A process is in its own group whether that is among its further ones or not.
    """
    own = os.getegid()
    there = groups | {own if gid is None else gid} == set(os.getgroups()) | {own}
    return None if there else tuple(sorted(groups))

"""What a start request says of a program's user and rights, and reading it from a message."""

from typing import Any, NamedTuple


class Security(NamedTuple):
    """As whom a program runs, and what it may; what is None stays as it is for the supervisor itself.

    Where it is given to a driver, `groups` are further groups, and with `own_groups` the program is in those of its
    user besides. `rlimits` are (name, soft, hard), as in `("nofile", 1024, 4096)`; -1 is no limit. `ALL` stands for
    every capability. `mounts` are (source, path, whether it may only be read).
    """

    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] | None = None
    own_groups: bool = True
    add_capabilities: tuple[str, ...] = ()
    drop_capabilities: tuple[str, ...] = ()
    no_new_privileges: bool = False
    read_only_root: bool = False
    rlimits: tuple[tuple[str, int, int], ...] = ()
    mounts: tuple[tuple[str, str, bool], ...] = ()


PLAIN = Security()
"""As the supervisor itself."""


def security_of(message: dict[str, Any]) -> Security:
    """Reads the part of a start request.

    Raises:
        ValueError: It is none.
    """
    told = message.get("security") or {}
    try:
        return Security(
            uid=None if told.get("uid") is None else int(told["uid"]),
            gid=None if told.get("gid") is None else int(told["gid"]),
            groups=None if told.get("groups") is None else tuple(int(group) for group in told["groups"]),
            add_capabilities=tuple(str(name) for name in told.get("add_capabilities", ())),
            drop_capabilities=tuple(str(name) for name in told.get("drop_capabilities", ())),
            no_new_privileges=bool(told.get("no_new_privileges")),
            read_only_root=bool(told.get("read_only_root")),
            rlimits=tuple((str(name), int(soft), int(hard)) for name, soft, hard in told.get("rlimits", ())),
            mounts=tuple((str(source), str(path), bool(only)) for source, path, only in told.get("mounts", ())),
        )
    except (AttributeError, TypeError, ValueError, KeyError) as problem:
        raise ValueError(f"security is not as it should be: {problem}") from None

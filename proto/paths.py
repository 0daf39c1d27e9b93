"""Paths as programs of a pod know them. Pure."""

from posixpath import normpath


def place_of(path: str) -> str:
    """Where a path leads that begins at the root, in its shortest form: `/w` for `w`, `//w/` and `/x/../w`."""
    return "/" + normpath("/" + path).lstrip("/")

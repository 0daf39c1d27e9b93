"""What the classes and fields of the models mean: their docstrings, as `explain` prints them.

A field's doc is the string literal below it; a field that is inherited has its doc where it is declared. All is read
from the source with `ast`, once a class: no model carries documentation while it works.

Reads: the source files of `proto.objects`. Writes nothing.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import lru_cache

from proto.objects.meta import Model

_OF_EVERY_OBJECT = {
    "api_version": "The group and version of the kind, such as `apps/v1`.",
    "kind": "The kind, such as `Deployment`.",
    "metadata": "Name, labels and everything else that all objects have.",
    "spec": "What should be, as its owner wants it.",
    "status": "What is, as the cluster found it; people do not write it.",
}
"""Docs of the parts that all kinds share."""


def class_doc(model: type[Model]) -> str:
    """What a model is."""
    return inspect.cleandoc(model.__doc__ or "") if "__doc__" in model.__dict__ else ""


def field_doc(model: type[Model], field: str) -> str:
    """What a field, by its Python name, means; "" if nobody has written it down."""
    for cls in model.__mro__:
        if issubclass(cls, Model) and (doc := _docs(cls).get(field)):
            return doc
    return _OF_EVERY_OBJECT.get(field, "")


@lru_cache(maxsize=512)
def _docs(cls: type[Model]) -> dict[str, str]:
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    except (OSError, TypeError, SyntaxError):
        return {}
    assert isinstance(body, ast.ClassDef)
    docs = {}
    for statement, following in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
            and isinstance(following.value.value, str)
        ):
            docs[statement.target.id] = inspect.cleandoc(following.value.value)
    return docs

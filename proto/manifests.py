"""What people write, as plain dicts: YAML and JSON, many documents, lists (`kind: List`).

YAML is read as Kubernetes reads it (version 1.1), with the doors closed that a manifest never needs: a key given twice
is refused, aliases may not expand into a bomb, tags make nothing but plain values, times stay text. Every error is one
line that begins with the source and the line number.

Reads: text that it is given. Never here: which fields a kind has (see `proto.schema`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, cast

import yaml

from proto import catalog
from proto.spelling import nearest

NODES_MAX = 200_000
"""Values in all documents of one source, counted after aliases are expanded."""
DEPTH_MAX = 60


class ManifestError(ValueError):
    """The text cannot be read; one line, with source and line number."""


def load_manifests(text: str | bytes, source: str) -> list[dict[str, Any]]:
    """The objects in `text`, in order; empty documents are skipped, a `kind: List` is replaced by its items.

    Args:
        source: what errors call the text, such as a file's path or `stdin`.

    Raises:
        ManifestError: it is not UTF-8, not YAML, or not made of mappings.
    """
    manifests: list[dict[str, Any]] = []
    for document, line in _documents(_decode(text, source), source):
        manifests.extend(_flattened(document, f"{source}:{line}"))
    return manifests


def load_value(text: str | bytes, source: str) -> Any:
    """The one value of a YAML or JSON text that need be no object, such as a patch; None for an empty text.

    Raises:
        ManifestError: it cannot be read, or is more than one document.
    """
    values = [document for document, _ in _documents(_decode(text, source), source)]
    if len(values) > 1:
        raise ManifestError(f"{source}: must be one document, found {len(values)}")
    return values[0] if values else None


def identify(raw: dict[str, Any], where: str) -> catalog.Kind:
    """The kind of a manifest.

    Raises:
        ManifestError: apiVersion or kind is missing, misspelt or unknown; the message says what was probably meant.
    """
    for name in ("apiVersion", "kind"):
        if not isinstance(raw.get(name), str) or not raw[name]:
            raise ManifestError(f"{where}: {_missing(raw, name)}")
    found = catalog.by_gvk(raw["apiVersion"], raw["kind"])
    if found is None:
        raise ManifestError(f"{where}: {catalog.unknown_kind(raw['apiVersion'], raw['kind'])}")
    return found


def dump_yaml(raw: Any) -> str:
    """A plain value as YAML, keys in the order they have, long texts unbroken."""
    return yaml.dump(_listed(raw), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**16)


def _missing(raw: dict[str, Any], name: str) -> str:
    if name in raw:
        return f"{name}: must be a non-empty string"
    meant = next((key for key in raw if nearest(key, (name,))), None)
    if meant is not None:
        return f'unknown field "{meant}", did you mean "{name}"?'
    return f"{name} is missing"


def _decode(text: str | bytes, source: str) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise ManifestError(f"{source}:{line}: not valid UTF-8: byte 0x{text[error.start]:02x}") from None


def _documents(text: str, source: str) -> Iterator[tuple[Any, int]]:
    """Each document that is not empty, with the line it begins at."""
    try:
        loader = _Loader(text)
    except UnicodeEncodeError:
        raise ManifestError(f"{source}: not valid Unicode: it holds half of a surrogate pair") from None
    try:
        _check_depth(text)
        while loader.check_node():
            node = cast("yaml.Node", loader.get_node())
            loader.check_budget(node)
            document = loader.construct_document(node)
            if document is not None:
                yield document, node.start_mark.line + 1
    except yaml.MarkedYAMLError as error:
        raise ManifestError(f"{source}:{_line(error)}: {_one_line(error, text)}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ManifestError(f"{source}: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ManifestError(f"{source}: nested too deeply") from None
    finally:
        loader.dispose()


def _check_depth(text: str) -> None:
    """Refuse what is nested too deeply before it is composed: that recurses in C, where no limit would catch it."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEPTH_MAX:
                raise yaml.MarkedYAMLError(
                    problem=f"nested more than {DEPTH_MAX} levels deep",
                    problem_mark=cast("yaml.Mark", event.start_mark),
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _line(error: yaml.MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return mark.line + 1 if mark is not None else 1


def _one_line(error: yaml.MarkedYAMLError, text: str) -> str:
    """What is wrong; the character that cannot begin a value is named, above all a tab."""
    problem, mark = error.problem or "not YAML", error.problem_mark
    if "maximum nesting depth" in problem:  # libyaml's own limit, since 0.2.6: far above ours, found while it scans.
        return f"nested more than {DEPTH_MAX} levels deep"
    if "cannot start any token" in problem and mark is not None and mark.index < len(text):
        if text[mark.index] == "\t":
            return "found a tab where YAML wants spaces: indent with spaces"
        return f"found {text[mark.index]!r}, which cannot begin a value: put the text in quotes"
    return f"{problem} ({error.context})" if error.context else problem


def _flattened(document: Any, where: str) -> Iterator[dict[str, Any]]:
    if not isinstance(document, dict):
        raise ManifestError(f"{where}: must be a mapping with apiVersion and kind, found {_named(document)}")
    if document.get("kind") != "List" and not _is_typed_list(document):
        yield document
        return
    items = document.get("items")
    if not isinstance(items, list):
        raise ManifestError(f"{where}: items: must be a list, found {_named(items)}")
    for item in items:
        yield from _flattened(item, where)


def _is_typed_list(document: dict[str, Any]) -> bool:
    """Whether it is what `get -o yaml` of many prints, such as a PodList."""
    kind = document.get("kind")
    return isinstance(kind, str) and kind.endswith("List") and kind.removesuffix("List") in catalog.BY_KIND


def _named(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, list):
        return "a list"
    return "a mapping" if isinstance(value, dict) else repr(value)[:40]


class _Loader(yaml.CSafeLoader):
    """The C loader, strict about keys and sparing with aliases."""

    def __init__(self, text: str):
        super().__init__(text)
        self._values_left = NODES_MAX

    def check_budget(self, node: yaml.Node) -> None:
        """Refuse a document that is too large or too deep once its aliases are expanded.

        Counting costs as much as the document has nodes *before* expansion: each anchor is counted once.
        """
        self._values_left -= self._count(node, 1, {})
        if self._values_left < 0:
            raise _refusal(node, f"more than {NODES_MAX} values, with aliases expanded")

    def _count(self, node: yaml.Node, depth: int, known: dict[int, int]) -> int:
        if depth > DEPTH_MAX:
            raise _refusal(node, f"nested more than {DEPTH_MAX} levels deep by its aliases")
        if isinstance(node, yaml.ScalarNode):
            return 1
        if id(node) not in known:
            children = node.value if isinstance(node, yaml.SequenceNode) else [n for pair in node.value for n in pair]
            known[id(node)] = 1 + sum(self._count(child, depth + 1, known) for child in children)
        return known[id(node)]

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A dict whose keys are texts, each given once."""
        self._check_keys(node)
        self.flatten_mapping(node)
        return super().construct_mapping(node, deep=deep)

    def _check_keys(self, node: yaml.MappingNode) -> None:
        first_lines: dict[str, int] = {}
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.tag != "tag:yaml.org,2002:str":
                shown = key.value if isinstance(key, yaml.ScalarNode) else "a list or mapping"
                raise _refusal(key, f"keys must be strings, found {shown}: write it in quotes")
            if key.value in first_lines:
                raise _refusal(key, f'key "{key.value}" is given twice, first in line {first_lines[key.value]}')
            first_lines[key.value] = key.start_mark.line + 1


def _refusal(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _construct_float(loader: _Loader, node: yaml.ScalarNode) -> float:
    """A finite number: JSON, and so the wire, has no others."""
    value = float(yaml.SafeLoader.construct_yaml_float(loader, node))
    if not math.isfinite(value):
        raise _refusal(node, f"{node.value} is not a number that can be stored")
    return value


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int:
    """A whole number of at most 64 bits: the wire carries no longer ones."""
    value = int(yaml.SafeLoader.construct_yaml_int(loader, node))
    if not -(2**63) <= value < 2**64:
        raise _refusal(node, f"{node.value[:40]} is too large a number")
    return value


def _construct_text(loader: _Loader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


def _refuse_tag(loader: _Loader, node: yaml.Node) -> Any:
    raise _refusal(node, f"the tag {node.tag} is not allowed")


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _construct_text)
_Loader.add_constructor("tag:yaml.org,2002:value", _construct_text)
_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)
for _tag in ("binary", "set", "omap", "pairs"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _refuse_tag)
_Loader.add_constructor(None, _refuse_tag)


class _Dumper(yaml.CSafeDumper):
    """Writes texts of several lines as blocks, and no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """Never write `&id001`: people read this."""
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def _listed(raw: Any) -> Any:
    """`raw` with its tuples as lists."""
    if isinstance(raw, dict):
        return {key: _listed(value) for key, value in raw.items()}
    return [_listed(item) for item in raw] if isinstance(raw, list | tuple) else raw

"""kubectl's JSONPath templates."""

from __future__ import annotations

import pytest

from setpoint.cli.errors import CliError
from setpoint.cli.jsonpath import parse_template, render

POD = {
    "metadata": {"name": "web", "labels": {"app": "web", "k8s.io/tier": "front"}},
    "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "False"}], "n": 3},
    "items": [{"name": "a", "n": 1}, {"name": "b", "n": 2}],
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{.metadata.name}", "web"),
        (".metadata.name", "web"),
        ("{$.metadata.name}", "web"),
        ("{metadata.name}", "web"),
        ("name: {.metadata.name}!", "name: web!"),
        ("{.items[*].name}", "a b"),
        ("{.items[0].name}", "a"),
        ("{.items[-1].name}", "b"),
        ("{.items[0:2].n}", "1 2"),
        ("{..name}", "web a b"),
        ('{.status.conditions[?(@.type=="Ready")].status}', "True"),
        (".status.conditions[?(@.type=='Other')].status", "False"),
        ("{.items[?(@.n>1)].name}", "b"),
        (r"{.metadata.labels.k8s\.io/tier}", "front"),
        ("{.metadata.labels['k8s.io/tier']}", "front"),
        ('{range .items[*]}{.name}={.n}{"\\n"}{end}', "a=1\nb=2\n"),
        ('{range .items[*]}{.name}{"\\t"}{end}done', "a\tb\tdone"),
        ("{.nothing.here}", ""),
        ("{.items[0]}", '{"name":"a","n":1}'),
        ("{.status.n}", "3"),
    ],
)
def test_a_template_is_rendered(template: str, text: str) -> None:
    assert render(parse_template(template), POD) == text


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{.a", 'is not a JSONPath template: a brace is not closed at "{.a"'),
        ("{.a[}", '".a[" is not a JSONPath: '),
        ("{end}", "{end} without {range}"),
        ("{range .items[*]}x", "{range} without {end}"),
        ("{range .a[}{end}", '".a[" is not a JSONPath: '),
    ],
)
def test_what_is_no_template_is_told(template: str, message: str) -> None:
    with pytest.raises(CliError) as caught:
        parse_template(template)
    assert message in str(caught.value)

"""Which container the words of a person mean."""

from __future__ import annotations

from typing import Any

import pytest

from setpoint.cli.errors import CliError
from setpoint.cli.talking.pods import container_of


def pod(default: str = "") -> dict[str, Any]:
    annotations = {"kubectl.kubernetes.io/default-container": default} if default else {}
    containers = [{"name": "app"}, {"name": "side"}]
    spec = {"containers": containers, "initContainers": [{"name": "early"}]}
    return {"metadata": {"name": "web", "annotations": annotations}, "spec": spec}


@pytest.mark.parametrize(
    ("default", "named", "expected", "said"),
    [
        pytest.param("", "", "app", 'Defaulted container "app" out of: app, side, early\n', id="the first"),
        pytest.param("side", "", "side", "", id="the annotated"),
        pytest.param("side", "app", "app", "", id="the named"),
        pytest.param("", "early", "early", "", id="one of the beginning"),
        pytest.param(
            "gone", "", "app",
            'Default container name "gone" not found in pod web\nDefaulted container "app" out of: app, side, early\n',
            id="the annotated is not there",
        ),
    ],
)  # fmt: skip
def test_the_container(default: str, named: str, expected: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert container_of(pod(default), named) == expected
    assert capsys.readouterr().err == said
    assert container_of(pod(default), named, quiet=True) == expected
    assert capsys.readouterr().err == ""


def test_what_is_not_there() -> None:
    with pytest.raises(CliError, match="container nope is not in pod web; it has app, side, early"):
        container_of(pod(), "nope")

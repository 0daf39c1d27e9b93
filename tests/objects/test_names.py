"""Names: what each rule takes and refuses."""

from __future__ import annotations

import pytest

from proto import names


@pytest.mark.parametrize("name", ["a", "web-1", "10.240.79.157", "0", "a.b-c.d", "x" * 253])
def test_good_subdomains(name: str) -> None:
    assert names.subdomain_problem(name) is None


@pytest.mark.parametrize(
    "name", ["", "A", "web_1", "-a", "a-", ".a", "a.", "a..b", "a b", "ä", "a\n", "x" * 254, "a.-b", "a/b", "*"]
)
def test_bad_subdomains(name: str) -> None:
    assert names.subdomain_problem(name)


def test_the_message_of_a_subdomain_is_kubernetes_own() -> None:
    assert names.subdomain_problem("Web_1") == (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
        "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
        r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    )
    assert names.subdomain_problem("x" * 254) == "must be no more than 253 characters"


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("a", True),
        ("a-1", True),
        ("a.b", False),
        ("", False),
        ("x" * 63, True),
        ("x" * 64, False),
        ("1", True),
        ("A", False),
    ],
)
def test_labels(name: str, good: bool) -> None:
    assert (names.label_problem(name) is None) is good


@pytest.mark.parametrize(
    ("key", "start"),
    [
        ("app", None),
        ("app.kubernetes.io/name", None),
        ("a_B.c-1", None),
        ("", "name part must be non-empty"),
        ("example.com/", "name part must be non-empty"),
        ("/x", "prefix part must be non-empty"),
        ("Example.com/x", "prefix part a lowercase RFC 1123 subdomain"),
        ("a/b/c", "prefix part a lowercase RFC 1123 subdomain"),
        ("-x", "name part must consist of"),
        ("x y", "name part must consist of"),
        ("x" * 64, "name part must be no more than 63 characters"),
    ],
)
def test_label_keys(key: str, start: str | None) -> None:
    problem = names.label_key_problem(key)
    assert problem is None if start is None else problem is not None and problem.startswith(start)


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("", True),
        ("a", True),
        ("A_b.c-1", True),
        ("-a", False),
        ("a b", False),
        ("x" * 63, True),
        ("x" * 64, False),
        ("a/b", False),
    ],
)
def test_label_values(value: str, good: bool) -> None:
    assert (names.label_value_problem(value) is None) is good


@pytest.mark.parametrize(
    ("key", "good"),
    [
        ("a", True),
        ("a.b_C-1", True),
        (".a", True),
        (".", False),
        ("..", False),
        ("..a", False),
        ("a/b", False),
        ("", False),
        ("x" * 254, False),
    ],
)
def test_config_keys(key: str, good: bool) -> None:
    assert (names.config_key_problem(key) is None) is good


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("PATH", True),
        ("a.b-c_D9", True),
        ("_X", True),
        ("9A", False),
        ("", False),
        ("A B", False),
        ("A=B", False),
        ("Ä", False),
    ],
)
def test_env_names(name: str, good: bool) -> None:
    assert (names.env_name_problem(name) is None) is good


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("http", True),
        ("http-2", True),
        ("80", False),
        ("a--b", False),
        ("-a", False),
        ("HTTP", False),
        ("x" * 16, False),
        ("", False),
    ],
)
def test_port_names(name: str, good: bool) -> None:
    assert (names.port_name_problem(name) is None) is good

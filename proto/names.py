"""The rules of names: DNS-1123 labels and subdomains, label keys and values, and the names inside a pod.

Every rule is a function that returns None for a good name, or what is wrong with it in Kubernetes' own words. The
same functions serve the API's admission, the agent at its start (a node's name) and the command line.

Source: Kubernetes `apimachinery/pkg/util/validation`.
Never here: which kind needs which rule (see `proto.catalog`).
"""

from __future__ import annotations

import ipaddress
import re

SUBDOMAIN_LENGTH_MAX = 253
LABEL_LENGTH_MAX = 63
PORT_NAME_LENGTH_MAX = 15

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_QUALIFIED = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = rf"({_QUALIFIED})?"
_CONFIG_KEY = r"[-._a-zA-Z0-9]+"
_HOST = (
    r"(?=.{1,253}$)[A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?)*\.?"
)
_ENV_NAME = r"[-._a-zA-Z][-._a-zA-Z0-9]*"

_LABEL_WORDS = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"  # noqa: E501
_SUBDOMAIN_WORDS = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"  # noqa: E501
_QUALIFIED_WORDS = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"  # noqa: E501
_VALUE_WORDS = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"  # noqa: E501
_CONFIG_KEY_WORDS = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
_ENV_NAME_WORDS = "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit"  # noqa: E501


class _Form:
    """A pattern, its words and examples: the message that Kubernetes makes of the three."""

    def __init__(self, pattern: str, words: str, *examples: str):
        self._pattern = re.compile(pattern)
        shown = "',  or '".join(examples)  # Two spaces, as Kubernetes has them.
        self._message = f"{words} (e.g. '{shown}', regex used for validation is '{pattern}')"

    def problem(self, text: str) -> str | None:
        """The message, or None if the whole text has the form."""
        return None if self._pattern.fullmatch(text) else self._message


_LABEL_FORM = _Form(_LABEL, _LABEL_WORDS, "my-name", "123-abc")
_SUBDOMAIN_FORM = _Form(_SUBDOMAIN, _SUBDOMAIN_WORDS, "example.com")
_QUALIFIED_FORM = _Form(_QUALIFIED, _QUALIFIED_WORDS, "MyName", "my.name", "123-abc")
_VALUE_FORM = _Form(_VALUE, _VALUE_WORDS, "MyValue", "my_value", "12345")
_CONFIG_KEY_FORM = _Form(_CONFIG_KEY, _CONFIG_KEY_WORDS, "key.name", "KEY_NAME", "key-name")
_ENV_NAME_FORM = _Form(_ENV_NAME, _ENV_NAME_WORDS, "my.env-name", "MY_ENV.NAME", "MyEnvName1")


def _too_long(text: str, limit: int) -> str | None:
    return f"must be no more than {limit} characters" if len(text) > limit else None


def subdomain_problem(name: str) -> str | None:
    """What keeps `name` from being a DNS-1123 subdomain: the rule for most objects (`web-1`, `10.240.79.157`)."""
    return _too_long(name, SUBDOMAIN_LENGTH_MAX) or _SUBDOMAIN_FORM.problem(name)


def label_problem(name: str) -> str | None:
    """What keeps `name` from being a DNS-1123 label: the rule for namespaces and containers."""
    return _too_long(name, LABEL_LENGTH_MAX) or _LABEL_FORM.problem(name)


def label_key_problem(key: str) -> str | None:
    """What keeps `key` from being a qualified name, as keys of labels and taints are (`app`, `example.com/app`)."""
    prefix, slash, name = key.rpartition("/")
    if slash and not prefix:
        return "prefix part must be non-empty"
    if slash and (problem := subdomain_problem(prefix)):
        return f"prefix part {problem}"
    if not name:
        return "name part must be non-empty"
    if len(name) > LABEL_LENGTH_MAX:
        return f"name part must be no more than {LABEL_LENGTH_MAX} characters"
    return _QUALIFIED_FORM.problem(name)


def label_value_problem(value: str) -> str | None:
    """What keeps `value` from being a label's value: up to 63 characters, may be empty."""
    return _too_long(value, LABEL_LENGTH_MAX) or _VALUE_FORM.problem(value)


def config_key_problem(key: str) -> str | None:
    """What keeps `key` from being a key of a ConfigMap: it must also be good as a file's name."""
    if len(key) > SUBDOMAIN_LENGTH_MAX:
        return f"must be no more than {SUBDOMAIN_LENGTH_MAX} characters"
    if key == ".":
        return "must not be '.'"
    if key.startswith(".."):
        return "must not start with '..'" if key != ".." else "must not be '..'"
    return _CONFIG_KEY_FORM.problem(key)


def env_name_problem(name: str) -> str | None:
    """What keeps `name` from being an environment variable's name."""
    return _ENV_NAME_FORM.problem(name)


def port_name_problem(name: str) -> str | None:
    """What keeps `name` from being an IANA service name: the rule for the names of ports."""
    if len(name) > PORT_NAME_LENGTH_MAX:
        return f"must be no more than {PORT_NAME_LENGTH_MAX} characters"
    if not re.fullmatch(r"[-a-z0-9]+", name):
        return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    if not re.search(r"[a-z]", name):
        return "must contain at least one letter (a-z)"
    if "--" in name:
        return "must not contain consecutive hyphens"
    if name.startswith("-") or name.endswith("-"):
        return "must not begin or end with a hyphen"
    return None


def host_problem(host: str) -> str | None:
    """What keeps `host` from being something to connect to. Names are taken as resolvers take them (`db_1`, `web.`)."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return None if re.fullmatch(_HOST, host) else "must be an IP address or the name of a host"
    return None

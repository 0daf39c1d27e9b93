"""ConfigMaps and Secrets from texts and files. Source: kubectl `create configmap`, `create secret generic`, `… tls`.

Reads: the flags, the files that they name. Writes nothing.
"""

from __future__ import annotations

import argparse
import base64
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from setpoint.cli.errors import CliError
from setpoint.cli.making import manifest, pairs

Item = dict[str, Any]

_SORTS = ("generic", "tls", "docker-registry")


def data_arguments(parser: argparse.ArgumentParser) -> None:
    """Where texts and files come from."""
    parser.add_argument("--from-literal", action="append", default=[], metavar="KEY=VALUE", help="may be repeated")
    parser.add_argument(
        "--from-file", action="append", default=[], metavar="[KEY=]FILE", help="a file, or a folder's files"
    )
    parser.add_argument("--from-env-file", action="append", default=[], metavar="FILE", help="lines of KEY=VALUE")


async def config_map(options: argparse.Namespace) -> Item:
    """A ConfigMap."""
    texts, binaries = _data(options)
    body = manifest("ConfigMap", options.name)
    if texts:
        body["data"] = texts
    if binaries:
        body["binaryData"] = {key: base64.b64encode(data).decode() for key, data in binaries.items()}
    return body


def secret_arguments(parser: argparse.ArgumentParser) -> None:
    """The name behind a word that says what it is, as kubectl has it; without that word it is generic."""
    parser.add_argument("second", nargs="?", metavar="NAME", help="its name, if the word before it is generic or tls")
    parser.add_argument("--type", default="Opaque", help="default: %(default)s")
    parser.add_argument("--cert", default="", metavar="FILE", help="of tls: the certificate, as PEM")
    parser.add_argument("--key", default="", metavar="FILE", help="of tls: its key, as PEM")
    data_arguments(parser)


async def secret(options: argparse.Namespace) -> Item:
    """A Secret."""
    sort, name = (options.name, options.second) if options.second else ("generic", options.name)
    if sort not in _SORTS:
        raise CliError(f'unknown kind of secret "{sort}": write create secret [generic | tls] NAME')
    if sort == "docker-registry":
        raise CliError(
            "there are no images yet, so nothing would use a secret for a registry; to keep one all the same: create "
            f"secret {name} --type=kubernetes.io/dockerconfigjson --from-file=.dockerconfigjson=FILE"
        )
    if sort == "tls":
        return _made("kubernetes.io/tls", name, _certificate(options))
    if options.cert or options.key:
        raise CliError(f"--cert and --key are for create secret tls {name}")
    texts, binaries = _data(options)
    return _made(options.type, name, {key: text.encode() for key, text in texts.items()} | binaries)


def _made(kind: str, name: str, data: dict[str, bytes]) -> Item:
    encoded = {key: base64.b64encode(each).decode() for key, each in data.items()}
    return manifest("Secret", name, type=kind, data=encoded)


def _certificate(options: argparse.Namespace) -> dict[str, bytes]:
    """A certificate and the key that belongs to it.

    Raises:
        CliError: one of them is missing, cannot be read, or they do not belong together.
    """
    if not options.cert or not options.key:
        raise CliError("create secret tls needs --cert=FILE and --key=FILE")
    found = {"tls.crt": _read(Path(options.cert)), "tls.key": _read(Path(options.key))}
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(options.cert, options.key, password="")
    except (ssl.SSLError, OSError) as problem:
        reason = getattr(problem, "reason", None) or problem
        raise CliError(f"{options.cert} and {options.key} are no certificate with its key: {reason}") from None
    return found


def _data(options: argparse.Namespace) -> tuple[dict[str, str], dict[str, bytes]]:
    """Texts, and what is no text, by key.

    Raises:
        CliError: a key is there twice, or a file cannot be read.
    """
    found: dict[str, bytes] = {}

    def add(key: str, data: bytes) -> None:
        if key in found:
            raise CliError(f'the key "{key}" is there twice')
        found[key] = data

    for key, value in pairs(options.from_literal, "--from-literal").items():
        add(key, value.encode())
    for word in options.from_file:
        for key, file in _files(word):
            add(key, _read(file))
    for name in options.from_env_file:
        lines = (line.strip() for line in _read(Path(name)).decode(errors="replace").splitlines())
        for key, value in pairs([line for line in lines if line and not line.startswith("#")], name).items():
            add(key, value.encode())
    texts, binaries = {}, {}
    for key, data in found.items():
        try:
            texts[key] = data.decode()
        except UnicodeDecodeError:
            binaries[key] = data
    return texts, binaries


def _files(word: str) -> Iterator[tuple[str, Path]]:
    """What `--from-file` means: a file, a file by another key, or all files of a folder.

    Raises:
        CliError: it means nothing.
    """
    key, equals, name = word.partition("=")
    path = Path(name if equals else word)
    if not (name and key if equals else word):
        raise CliError(f'--from-file: must be PATH or KEY=PATH, found "{word}"')
    if not path.is_dir():
        yield key if equals else path.name, path
    elif equals:
        raise CliError(f'--from-file: "{name}" is a folder, whose files have their names as keys: leave "{key}=" out')
    else:
        yield from ((file.name, file) for file in sorted(path.iterdir()) if file.is_file())


def _read(path: Path) -> bytes:
    if not path.exists():
        raise CliError(f"{path}: there is no such file or folder")
    try:
        return path.read_bytes()
    except OSError as problem:
        raise CliError(f"{path}: {problem.strerror}") from None

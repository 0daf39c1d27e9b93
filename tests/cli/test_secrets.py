"""Secrets in a person's hands: made from flags, applied, and never shown where nobody asked for their values."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Setpoint

pytestmark = pytest.mark.asyncio(loop_scope="session")

MANIFEST = "apiVersion: v1\nkind: Secret\nmetadata: {{name: applied}}\nstringData: {{password: {0}}}\n"


async def test_secrets_are_made_from_flags_and_described_by_their_sizes(setpoint: Setpoint, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\x00\x01")
    made = await setpoint("create", "secret", "mine", "--from-literal=password=s3cret", f"--from-file={tmp_path}/key")
    assert made.out == "secret/mine created\n"
    listed = await setpoint("get", "secrets", "mine", "--no-headers")
    assert listed.out.split()[:3] == ["mine", "Opaque", "2"]
    page = (await setpoint("describe", "secret", "mine")).out
    lines = [line.split() for line in page.splitlines()]
    assert ["key:", "3", "bytes"] in lines and ["password:", "6", "bytes"] in lines
    assert "s3cret" not in page and "czNjcmV0" not in page
    assert (await setpoint("get", "secret", "mine", "-o", "jsonpath={.data.password}")).out.strip() == "czNjcmV0"


async def test_a_plan_tells_that_a_secret_changes_and_not_how(setpoint: Setpoint, tmp_path: Path) -> None:
    path = tmp_path / "secret.yaml"
    path.write_text(MANIFEST.format("before1"))
    assert (await setpoint("apply", "-f", str(path))).out == "secret/applied created\n"
    assert (await setpoint("apply", "-f", str(path))).out == "secret/applied unchanged\n"
    assert (await setpoint("diff", "-f", str(path))).out == ""
    path.write_text(MANIFEST.format("after22"))
    for verb in ("plan", "diff"):
        told = await setpoint(verb, "-f", str(path), ok=False)
        assert "*** (before)" in told.out and "*** (after)" in told.out
        for value in ("before1", "after22", "YmVmb3JlMQ==", "YWZ0ZXIyMg=="):
            assert value not in told.out + told.err
    assert (await setpoint("apply", "-f", str(path))).out == "secret/applied configured\n"
    page = (await setpoint("describe", "secret", "applied")).out
    assert "after22" not in page and ["password:", "7", "bytes"] in [line.split() for line in page.splitlines()]


async def test_a_certificate_and_its_key_make_a_secret(setpoint: Setpoint, tmp_path: Path) -> None:
    for name in ("a", "b"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-subj", "/CN=x", "-days", "1", "-keyout", tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.crt"],
            check=True, capture_output=True,
        )  # fmt: skip
    cert, key, other = (str(tmp_path / name) for name in ("a.crt", "a.key", "b.key"))
    strange = await setpoint("create", "secret", "tls", "web-tls", f"--cert={cert}", f"--key={other}", ok=False)
    assert strange.err.startswith(f"setpoint create: {cert} and {other} are no certificate with its key: ")
    made = await setpoint("create", "secret", "tls", "web-tls", f"--cert={cert}", f"--key={key}")
    assert made.out == "secret/web-tls created\n"
    assert (await setpoint("get", "secret", "web-tls", "-o", "jsonpath={.type}")).out.strip() == "kubernetes.io/tls"
    assert (await setpoint("create", "secret", "generic", "plain")).out == "secret/plain created\n"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["tls", "x"], "create secret tls needs --cert=FILE and --key=FILE"),
        (["tls", "x", "--cert=/no/such", "--key=/no/such"], "/no/such: there is no such file or folder"),
        (["tls", "x", "--cert=/etc/hostname", "--key=/etc/hostname"], "are no certificate with its key: "),
        (["docker-registry", "x"], "there are no images yet, so nothing would use a secret for a registry"),
        (["other", "x"], 'unknown kind of secret "other": write create secret [generic | tls] NAME'),
        (["x", "--cert=y"], "--cert and --key are for create secret tls x"),
        (
            ["x", "--from-file=k=/"],
            '"/" is a folder, whose files have their names as keys: leave "k=" out',
        ),
        (["x", "--from-file=k="], '--from-file: must be PATH or KEY=PATH, found "k="'),
        (["x", "--from-file="], '--from-file: must be PATH or KEY=PATH, found ""'),
        (["x", "--from-file=/proc/self/mem"], "/proc/self/mem: Input/output error"),
    ],
)
async def test_what_is_no_secret(setpoint: Setpoint, words: list[str], problem: str) -> None:
    refused = await setpoint("create", "secret", *words, "--dry-run=client", ok=False)
    assert problem in refused.err and "Traceback" not in refused.err

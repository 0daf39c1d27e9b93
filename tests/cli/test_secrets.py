"""Secrets in a person's hands: made from flags, applied, and never shown where nobody asked for their values."""

from __future__ import annotations

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

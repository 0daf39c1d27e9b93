"""ConfigMaps and Secrets in the environment of real processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from proto.objects.core import ConfigMap
from proto.objects.meta import ObjectMeta
from proto.objects.secret import Secret
from tests.configuration.seeing import Seeing, shell

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_missing_secret_holds_the_container_until_it_appears(machine: Seeing, tmp_path: Path) -> None:
    out = tmp_path / "out"
    env = [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "late", "key": "password"}}}]
    await machine.make(
        ConfigMap(metadata=ObjectMeta(name="plain", namespace="default"), data={"colour": "red"}),
        shell(
            "waiting",
            f'echo "$PASSWORD $CFG_colour $token" > {out}.new; mv {out}.new {out}',
            env=env,
            envFrom=[{"prefix": "CFG_", "configMapRef": {"name": "plain"}}, {"secretRef": {"name": "late"}}],
        ),
    )
    assert await machine.waits("waiting", "CreateContainerConfigError") == 'secret "late" not found'
    assert await machine.event("waiting", "Failed") == 'Error: secret "late" not found'

    metadata = ObjectMeta(name="late", namespace="default")
    made = await machine.client.create(Secret(metadata=metadata, string_data={"token": "t0ken"}))
    missing = "couldn't find key password in Secret default/late"
    assert await machine.waits("waiting", "CreateContainerConfigError") in (missing, 'secret "late" not found')

    await machine.client.patch(Secret, "late", "default", patch={"stringData": {"password": "s3cret"}})
    assert await machine.wrote(out) == "s3cret red t0ken\n"
    assert await machine.ended("waiting") == 0
    assert made.data == {"token": "dDBrZW4="}

"""Sets the demo up, has the story told, sums it up and takes everything down again.

Reads: the manifest. Writes: a temporary folder, removed at the end unless it is to be kept.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from proto.bus.nats import NatsBus
from proto.bus.port import BusError
from proto.client.raw import RawClient
from proto.clock import SystemClock
from proto.errors import ApiError
from setpoint.demo.stage import Stage
from setpoint.demo.story import NotObserved, Story
from setpoint.demo.witness import Witness
from setpoint.local.cluster import ClusterShape, LocalCluster
from setpoint.local.errors import LocalError

MACHINES_MIN = 2


async def play(options: argparse.Namespace) -> int:
    """Run the demo; 0 only if all was observed."""
    stage = Stage(plain=options.plain)
    began_s = SystemClock().monotonic_s()
    try:
        manifest = read_manifest(options.manifest)
        if options.machines < MACHINES_MIN:
            raise LocalError(f"--machines must be at least {MACHINES_MIN}: one is lost, the others take over")
        with _folder(keep=options.keep) as folder:
            findings = await _tell(options, manifest, folder, stage)
    except NotObserved as missing:
        stage.found(f"not observed {missing}", ok=False)
        print(f"setpoint demo: not observed {missing}", file=sys.stderr)
        return 1
    except (LocalError, ApiError, BusError) as error:
        print(f"setpoint demo: {error}", file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        print("setpoint demo: interrupted; everything is cleaned up", file=sys.stderr)
        raise
    stage.act(f"All was observed, in {SystemClock().monotonic_s() - began_s:.0f} s")
    for finding in findings:
        stage.found(finding, ok=True)
    return 0


def read_manifest(file: Path) -> Mapping[str, Any]:
    """The one Deployment in a file.

    Raises:
        LocalError: the file cannot be read, or holds something else.
    """
    try:
        document = yaml.safe_load(file.read_text())
    except OSError as error:
        raise LocalError(f"cannot read {file}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LocalError(f"{file} is not one YAML document: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or document.get("kind") != "Deployment":
        raise LocalError(f"{file} does not hold a Deployment")
    return document


async def _tell(options: argparse.Namespace, manifest: Mapping[str, Any], folder: Path, stage: Stage) -> list[str]:
    clock = SystemClock()
    shape = ClusterShape(
        data_dir=folder,
        machines=tuple(f"m{number}" for number in range(1, options.machines + 1)),
        isolation=options.isolation,
    )
    async with LocalCluster(shape, report=stage.say) as cluster:
        bus = await NatsBus.connect(cluster.url, name="setpoint-demo")
        try:
            async with Witness(bus, clock, "default") as witness:
                story = Story(cluster, RawClient(bus), witness, stage, clock, manifest)
                try:
                    await story.tell()
                finally:
                    stage.say("taking the cluster down …")
                return story.findings
        finally:
            await bus.close()


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    """A folder of this run's own."""
    folder = Path(tempfile.mkdtemp(prefix="setpoint-demo-"))
    try:
        yield folder
    finally:
        if keep:
            print(f"the cluster's folder is {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)

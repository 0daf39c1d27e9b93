"""Packs what changes with every commit: the project as pip installs it, `deploy/` where the guide puts it, the checks.

The wheel is built from a copy of the tree and installed in the machine's own file system, so that its programs lie at
`/opt/setpoint/bin` as the units expect.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.vm.image import PROJECT, Image, pack, run

ROOMS = ("proto", "control_plane", "node_agent", "setpoint")
UNITS = "etc/systemd/system"
ENVIRONMENT = "NATS=nats://hub:4222\nNODE=hub\nAGENT_OPTIONS=--system-reserved cpu=100m,memory=256Mi\n"


def load(image: Image, folder: Path) -> Path:
    """Two archives in one file, which the kernel unpacks in order."""
    cargo = folder / "cargo"
    _install_project(image, folder, cargo)
    _install_deployment(cargo)
    _install_checks(cargo)
    initrd = folder / "initrd.cpio"
    with initrd.open("wb", buffering=0) as archive:
        for tree in (image.tree, cargo):
            pack(tree, archive)
    return initrd


def _install_project(image: Image, folder: Path, cargo: Path) -> None:
    source, log = folder / "source", folder / "cargo.log"
    source.mkdir()
    for room in ROOMS:
        shutil.copytree(PROJECT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(PROJECT / name, source / name)
    wheels = image.tree / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    shutil.rmtree(image.tree / "cargo", ignore_errors=True)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, source, log=log)
    (wheel,) = wheels.iterdir()
    run(
        *("chroot", image.tree, "/opt/setpoint/bin/pip", "install", "--quiet", "--no-deps", "--no-index"),
        *("--root=/cargo", f"/wheels/{wheel.name}"),
        log=log,
    )
    shutil.move(image.tree / "cargo", cargo)
    shutil.rmtree(wheels)


def _install_deployment(cargo: Path) -> None:
    """Section 2 of the guide. `/etc` lies in memory, so the units are enabled here: a reboot would forget the links."""
    for unit in (PROJECT / "deploy").glob("setpoint-*.service"):
        _install_unit(cargo, unit, "multi-user.target")
    for place, text in (
        ("etc/nats/setpoint.conf", (PROJECT / "deploy" / "nats-single.conf").read_text()),
        ("etc/setpoint/environment", ENVIRONMENT),
    ):
        (cargo / place).parent.mkdir(parents=True)
        (cargo / place).write_text(text)


def _install_checks(cargo: Path) -> None:
    guest = cargo / "checks" / "tests" / "vm" / "guest"
    shutil.copytree(PROJECT / "tests" / "vm" / "guest", guest, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "deploy" / "README.md", guest / "guide.md")
    for package in (guest.parent, guest.parent.parent):
        (package / "__init__.py").write_text('"""Only the way to the checks."""\n')
    _install_unit(cargo, guest / "first.service", "sysinit.target")
    _install_unit(cargo, guest / "checks.service", "graphical.target")


def _install_unit(cargo: Path, unit: Path, target: str) -> None:
    """Puts a unit where systemd finds it, and the link that enables it."""
    wanted = cargo / UNITS / f"{target}.wants"
    wanted.mkdir(parents=True, exist_ok=True)
    shutil.copy(unit, cargo / UNITS)
    (wanted / unit.name).symlink_to(f"../{unit.name}")

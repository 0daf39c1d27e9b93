"""Builds the machine's root file system and fetches its kernel, once: the result is kept in the user's cache folder.

Everything comes from Debian's and Python's own registries by their ordinary clients. The folder is named after all that
it is made from, so a change of this file or of a dependency builds another one.

*Reads* `pyproject.toml`. *Writes* `~/.cache/setpoint-tests/vm-<hash>`; installs the builder's programs by apt where
they are missing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
RELEASE = "bookworm"
PYTHON = "3.11"
PACKAGES = (
    "systemd",
    "systemd-sysv",
    "libpam-systemd",
    "dbus",
    "python3",
    "python3-venv",
    "iproute2",
    "procps",
    "kmod",
)
PROGRAMS = {"debootstrap": "debootstrap", "cpio": "cpio", "qemu-system-x86_64": "qemu-system-x86", "dpkg": "dpkg"}
KERNEL = "linux-image-cloud-amd64"

DRIVERS = ("drivers/block/virtio_blk", "drivers/virtio", "fs/ext4", "fs/jbd2", "fs/mbcache", "lib", "crypto", "arch")
"""The folders of kernel modules that a disk with ext4 needs; the others are left out, since all of it is memory."""

NEEDLESS = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/i18n",
    "var/cache/apt",
    "var/lib/apt/lists",
)
"""What no check looks at."""

MASKED = (
    "systemd-udevd.service",
    "systemd-udev-trigger.service",
    "systemd-timesyncd.service",
    "systemd-journal-flush.service",
    "serial-getty@ttyS0.service",
    "getty@tty1.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "fstrim.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
)
"""Units that only cost time under emulation."""

PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


@dataclass(frozen=True, slots=True)
class Image:
    """A machine that can be booted; `tree` is the root file system unpacked, to install the project against."""

    kernel: Path
    root: Path
    tree: Path


def build() -> Image:
    """The image, built if it is not in the cache: that takes some minutes.

    Raises:
        subprocess.CalledProcessError: A builder's program failed; its words are in the log beside the image.
    """
    install_programs()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "setpoint-tests"
    folder = cache / f"vm-{_fingerprint()}"
    image = Image(folder / "vmlinuz", folder / "root.cpio", folder / "tree")
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _build(image, folder)
        (folder / "complete").touch()
    return image


def run(*command: str | Path, log: Path | None = None, folder: Path | None = None) -> None:
    """Runs a builder's program; what it says goes to `log`."""
    with (log or Path(os.devnull)).open("ab") as output:
        subprocess.run(command, check=True, cwd=folder, stdout=output, stderr=output, stdin=subprocess.DEVNULL)


def pack(tree: Path, archive: Path) -> None:
    """Packs a folder as the kernel unpacks it at boot. It is not compressed: emulated processors unpack slowly."""
    with archive.open("wb") as output:
        found = subprocess.Popen(["find", ".", "-print0"], cwd=tree, stdout=subprocess.PIPE)
        subprocess.run(
            ["cpio", "--null", "--create", "--format=newc", "--quiet"],
            check=True, cwd=tree, stdin=found.stdout, stdout=output,
        )  # fmt: skip
        assert found.stdout is not None
        found.stdout.close()
        found.wait()


def dependencies() -> Sequence[str]:
    """What the project asks for at run time, as `pyproject.toml` has it."""
    declared: list[str] = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    return declared


def install_programs() -> None:
    """Installs what is missing of the programs that build and run the machine."""
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if missing:
        run("apt-get", "update", "--quiet")
        run("apt-get", "install", "--quiet", "--yes", "--no-install-recommends", *missing)


def _fingerprint() -> str:
    content = Path(__file__).read_bytes() + "\n".join(dependencies()).encode()
    return hashlib.sha256(content).hexdigest()[:12]


def _build(image: Image, folder: Path) -> None:
    log = folder / "build.log"
    include = f"--include={','.join(PACKAGES)}"
    run("debootstrap", "--variant=minbase", include, RELEASE, image.tree, log=log)
    _install_dependencies(image.tree, folder, log)
    _install_kernel(image, folder, log)
    _settle(image.tree)
    pack(image.tree, image.root)


def _install_dependencies(tree: Path, folder: Path, log: Path) -> None:
    """A virtual environment where the guide makes it, with everything but the project itself."""
    wheels = tree / "wheels"
    platforms = [f"--platform={platform}" for platform in PLATFORMS]
    run(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--dest", wheels, "--only-binary=:all:"),
        *(f"--python-version={PYTHON}", "--implementation=cp", *platforms, "--platform=any"),
        *dependencies(),
        log=log,
        folder=folder,
    )
    run("chroot", tree, "python3", "-m", "venv", "/opt/setpoint", log=log)
    run(
        *("chroot", tree, "/opt/setpoint/bin/pip", "install", "--quiet", "--no-index", "--find-links=/wheels"),
        *dependencies(),
        log=log,
    )
    shutil.rmtree(wheels)


def _install_kernel(image: Image, folder: Path, log: Path) -> None:
    """The kernel that Debian's own package for clouds depends on, and the modules that a disk needs."""
    told = subprocess.run(["apt-cache", "depends", KERNEL], check=True, capture_output=True, text=True).stdout
    package = next(line.split()[-1] for line in told.splitlines() if "Depends: linux-image" in line)
    run("apt-get", "download", package, log=log, folder=folder)
    (archive,) = folder.glob(f"{package}_*.deb")
    run("dpkg", "-x", archive, folder / "kernel", log=log)
    (kernel,) = (folder / "kernel" / "boot").glob("vmlinuz-*")
    kernel.rename(image.kernel)
    version = kernel.name.removeprefix("vmlinuz-")
    modules = image.tree / "lib" / "modules" / version
    for place in DRIVERS:
        for source in (folder / "kernel" / "lib" / "modules" / version / "kernel").glob(f"{place}*"):
            target = modules / "kernel" / source.relative_to(source.parents[len(Path(place).parts) - 1])
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    for listing in ("modules.builtin", "modules.order", "modules.builtin.modinfo"):
        shutil.copy(folder / "kernel" / "lib" / "modules" / version / listing, modules)
    run("chroot", image.tree, "depmod", version, log=log)
    shutil.rmtree(folder / "kernel")
    archive.unlink()


def _settle(tree: Path) -> None:
    """What makes a machine of a file system: a first program, a name, and no units that nobody needs."""
    (tree / "init").symlink_to("/lib/systemd/systemd")
    (tree / "etc" / "hostname").write_text("hub\n")
    (tree / "etc" / "hosts").write_text("127.0.0.1 localhost hub\n")
    (tree / "etc" / "machine-id").write_text("5e7901470000000000000000000000aa\n")
    for unit in MASKED:
        (tree / "etc" / "systemd" / "system" / unit).symlink_to("/dev/null")
    for place in NEEDLESS:
        shutil.rmtree(tree / place, ignore_errors=True)
        (tree / place).mkdir(parents=True)

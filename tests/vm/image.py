"""Builds the machine's root file system and fetches its kernel, once: the result is kept in the user's cache folder.

Everything comes from Debian's and Python's own registries by their ordinary clients. The folder is named after all that
it is made from, so a change of this file or of a dependency builds another one.

*Reads* `pyproject.toml`. *Writes* `~/.cache/setpoint-tests/vm-<hash>`; installs the builder's programs by apt where
they are missing. *Removes* images that were not used for a day.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

PROJECT = Path(__file__).parents[2]
RELEASE = "bookworm"
PYTHON = "3.11"
PACKAGES = (
    "usr-is-merged",
    "libstdc++6",
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
PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "cpio": "cpio",
    "qemu-system-x86_64": "qemu-system-x86",
    "mkfs.ext4": "e2fsprogs",
}
MERGED_USR = "/usr/share/mmdebstrap/hooks/merged-usr"
"""Without it a package with all of Perl would merge `/usr` afterwards."""

KERNEL = "linux-image-cloud-amd64"

DRIVERS = ("drivers/block/virtio_blk", "drivers/virtio", "fs/ext4", "fs/jbd2", "fs/mbcache", "lib", "crypto", "arch")
"""The folders of kernel modules that a disk with ext4 needs; the others are left out, since all of it is memory."""

NEEDLESS = (
    "/usr/share/doc",
    "/usr/share/man",
    "/usr/share/locale",
    "/usr/share/i18n",
    "/usr/lib/x86_64-linux-gnu/gconv",
)
"""What no check looks at, and is not unpacked."""

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

UNUSED_S = 86_400.0

PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


@dataclass(frozen=True, slots=True)
class Image:
    """A machine that can be booted: its kernel, and its root file system as a folder."""

    kernel: Path
    tree: Path


class NoRegistry(Exception):
    """What a machine is made of cannot be had here; the message says why."""


def build() -> Image:
    """The image, built if it is not in the cache: that takes a minute.

    Raises:
        NoRegistry: This host has no apt, or Debian's registry does not answer.
        subprocess.CalledProcessError: A builder's program failed; its words are in the log beside the image.
    """
    cache = cache_folder()
    folder = cache / f"vm-{_fingerprint()}"
    _remove_unused(cache, folder)
    image = Image(folder / "vmlinuz", folder / "tree")
    complete = (folder / "complete").exists()
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if missing or not complete:
        _ask_the_registry()
    if missing:
        run("apt-get", "install", "--quiet", "--yes", "--no-install-recommends", *missing)
    if not complete:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _build(image, folder)
    (folder / "complete").touch()
    return image


def cache_folder() -> Path:
    """Where images are kept, and the console of the last machine."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "setpoint-tests"


def _remove_unused(cache: Path, folder: Path) -> None:
    """Removes images of other states of this file, unless somebody has just booted one."""
    for other in cache.glob("vm-*"):
        used = other / "complete"
        if other != folder and not (used.exists() and time.time() - used.stat().st_mtime < UNUSED_S):
            shutil.rmtree(other)


def run(*command: str | Path, log: Path | None = None, folder: Path | None = None) -> None:
    """Runs a builder's program; what it says goes to `log`."""
    with (log or Path(os.devnull)).open("ab") as output:
        subprocess.run(command, check=True, cwd=folder, stdout=output, stderr=output, stdin=subprocess.DEVNULL)


def pack(tree: Path, archive: BinaryIO) -> None:
    """Packs a folder as the kernel unpacks it at boot. It is not compressed: emulated processors unpack slowly."""
    found = subprocess.Popen(["find", ".", "-print0"], cwd=tree, stdout=subprocess.PIPE)
    subprocess.run(
        ["cpio", "--null", "--create", "--format=newc", "--quiet"],
        check=True, cwd=tree, stdin=found.stdout, stdout=archive,
    )  # fmt: skip
    assert found.stdout is not None
    found.stdout.close()
    found.wait()


def dependencies() -> Sequence[str]:
    """What the project asks for at run time, as `pyproject.toml` has it."""
    declared: list[str] = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    return declared


def _ask_the_registry() -> None:
    """Has apt read what Debian has, as it is today."""
    if shutil.which("apt-get") is None:
        raise NoRegistry("a machine is built by Debian's tools, and this host has no apt-get")
    asked = subprocess.run(
        ["apt-get", "update", "--quiet", "-o", "APT::Update::Error-Mode=any", "-o", "Acquire::Retries=3"],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        raise NoRegistry(f"a machine is built from Debian's registry, which does not answer: {asked.stderr.strip()}")


def _fingerprint() -> str:
    content = Path(__file__).read_bytes() + "\n".join(dependencies()).encode()
    return hashlib.sha256(content).hexdigest()[:12]


def _build(image: Image, folder: Path) -> None:
    """What comes over the network comes while the system is unpacked."""
    log, wheels = folder / "build.log", folder / "wheels"
    with ThreadPoolExecutor() as others:
        downloads = (others.submit(_fetch_dependencies, wheels, log), others.submit(_fetch_kernel, folder, log))
        _install_system(image.tree, log)
        for download in downloads:
            download.result()
    _install_dependencies(image.tree, wheels, log)
    _install_kernel(image, folder, log)
    _settle(image.tree)


def _install_system(tree: Path, log: Path) -> None:
    excluded = [f"--dpkgopt=path-exclude={place}/*" for place in NEEDLESS]
    run(
        *("mmdebstrap", "--mode=root", "--variant=essential", f"--include={','.join(PACKAGES)}", *excluded),
        *("--dpkgopt=force-unsafe-io", f"--hook-dir={MERGED_USR}", RELEASE, tree),
        log=log,
    )


def _fetch_dependencies(wheels: Path, log: Path) -> None:
    """What the project asks for, as wheels for the machine's Python."""
    platforms = [f"--platform={platform}" for platform in PLATFORMS]
    run(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--dest", wheels, "--only-binary=:all:"),
        *(f"--python-version={PYTHON}", "--implementation=cp", *platforms, "--platform=any"),
        *dependencies(),
        log=log,
    )


def _install_dependencies(tree: Path, wheels: Path, log: Path) -> None:
    """A virtual environment where the guide makes it, with everything but the project itself."""
    shutil.move(wheels, tree / "wheels")
    run("chroot", tree, "python3", "-m", "venv", "/opt/setpoint", log=log)
    run(
        *("chroot", tree, "/opt/setpoint/bin/pip", "install", "--quiet", "--no-index", "--find-links=/wheels"),
        *("--no-compile", *dependencies()),
        log=log,
    )
    for tests in (tree / "opt/setpoint/lib").rglob("site-packages/*/**/tests"):
        shutil.rmtree(tests, ignore_errors=True)
    run("chroot", tree, "python3", "-m", "compileall", "-q", "-j", "0", "/opt/setpoint/lib", log=log)
    shutil.rmtree(tree / "wheels")


def _fetch_kernel(folder: Path, log: Path) -> None:
    """The kernel that Debian's own package for clouds depends on, unpacked."""
    told = subprocess.run(["apt-cache", "depends", KERNEL], check=True, capture_output=True, text=True).stdout
    package = next(line.split()[-1] for line in told.splitlines() if "Depends: linux-image" in line)
    run("apt-get", "download", package, log=log, folder=folder)
    (archive,) = folder.glob(f"{package}_*.deb")
    run("dpkg", "-x", archive, folder / "kernel", log=log)
    archive.unlink()


def _install_kernel(image: Image, folder: Path, log: Path) -> None:
    """The kernel, and the modules that a disk needs."""
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


def _settle(tree: Path) -> None:
    """What makes a machine of a file system: a first program, a name, and no units that nobody needs."""
    (tree / "init").symlink_to("/lib/systemd/systemd")
    (tree / "etc" / "hostname").write_text("hub\n")
    (tree / "etc" / "hosts").write_text("127.0.0.1 localhost hub\n")
    (tree / "etc" / "machine-id").write_text("5e7901470000000000000000000000aa\n")
    for unit in MASKED:
        (tree / "etc" / "systemd" / "system" / unit).symlink_to("/dev/null")

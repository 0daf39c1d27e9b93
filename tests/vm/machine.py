"""Runs the machine under software emulation and reads its console until it powers off; a reboot is a run of its own.

Each verdict is one line of JSON behind a marker; all else on the console is kept for people who look for the cause.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from tests.vm.guest.verdicts import MARKER, Verdict

DISK_MIB = 256
MEMORY_MIB = 3000
BOOTS_MAX = 3
REBOOTING = "reboot: Restarting system"
"""The kernel's last words; the emulator ends with them, and is started again."""

LAST_LINES = 10
ACCELERATOR = os.environ.get("SETPOINT_VM_ACCELERATOR") or "tcg,thread=multi"
"""`kvm` is an order of magnitude faster, but nothing tells beforehand whether it works: it may be there and fail."""

KERNEL_OPTIONS = "console=ttyS0 quiet systemd.unified_cgroup_hierarchy=1 systemd.show_status=no panic=-1 hugepages=8"


@dataclass(slots=True)
class Run:
    """What one run of the machine gave: a verdict by the name of each check, and the whole console."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    console: list[str] = field(default_factory=list)

    def read(self, line: str) -> None:
        """Takes a line of the console."""
        self.console.append(line)
        _, marker, text = line.partition(MARKER)
        if marker:
            verdict = Verdict(**json.loads(text))
            self.verdicts[verdict.check] = verdict


def live(kernel: Path, initrd: Path, folder: Path, console: Path, *, within_s: float) -> Run:
    """Boots the machine, and again after each reboot, until it powers itself off, or `within_s` have passed.

    Its disk is a file in `folder`, empty at first, kept over its reboots. All that it says goes to `console`.
    """
    disk = folder / "disk.ext4"
    with disk.open("wb") as file:
        file.truncate(DISK_MIB << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", disk], check=True)
    run = Run()
    deadline_s = time.monotonic() + within_s
    with console.open("w") as log:
        for _ in range(BOOTS_MAX):
            _boot(_command(kernel, initrd, disk), run, log, deadline_s - time.monotonic())
            if not any(REBOOTING in line for line in run.console[-LAST_LINES:]):
                break
    return run


def _boot(command: list[str], run: Run, log: TextIO, within_s: float) -> None:
    """One boot, until the emulator ends by itself or its time is over."""
    machine = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    alarm = threading.Timer(within_s, machine.kill)
    alarm.start()
    try:
        assert machine.stdout is not None
        for line in machine.stdout:
            print(line.rstrip(), file=log, flush=True)
            run.read(line.rstrip())
    finally:
        alarm.cancel()
        machine.kill()
        machine.wait()
        if machine.stdout is not None:
            machine.stdout.close()


def _command(kernel: Path, initrd: Path, disk: Path) -> list[str]:
    return [
        *("qemu-system-x86_64", "-M", "q35", "-cpu", "max", "-accel", ACCELERATOR, "-smp", "2"),
        *("-m", str(MEMORY_MIB), "-kernel", str(kernel), "-initrd", str(initrd), "-append", KERNEL_OPTIONS),
        *(
            "-drive",
            f"file={disk},format=raw,if=virtio",
            "-nic",
            "none",
            "-nographic",
            "-monitor",
            "none",
            "-no-reboot",
        ),
    ]

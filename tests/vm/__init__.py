"""A real machine: systemd as process 1, the whole of cgroup v2, a reboot. One small VM, booted once for all checks.

`image` builds the machine's first cpio (Debian, systemd, Python, what Setpoint depends on) and keeps it in the user's
cache folder. `cargo` packs what changes with every commit, the project itself and the checks, into a second cpio that
the kernel unpacks over the first. `machine` runs it under software emulation and reads the verdicts that
`guest/checks.py` prints on the console. `test_systemd` makes a test of each.

It takes two to five minutes on two processors that emulate another two, and two and a half more when the image has to
be built; `SETPOINT_VM_ACCELERATOR=kvm` is for machines whose KVM works.

The units, the configuration and the recipe are taken from `deploy/` as they are: what is proved here is what the guide
tells people to do.
"""

"""`setpoint demo`: a cluster of five machines loses one of them without a word, and everyone can watch what happens.

    lives     pure: what was seen of a pod or a node, and when
    marks     pure: the rows of the timeline, from the lives
    witness   watches pods, nodes and heartbeats over the bus, like any client could
    checks    asks the pods over HTTP, and the machines for their processes
    story     the acts: deploy, cut, watch, heal, count; every finding is observed, none is assumed
    stage     shows it: a live table at a terminal, plain lines elsewhere

*Reads*: the API, heartbeats, the pods' HTTP answers, the machines' processes. *Writes*: one manifest through the API,
and a temporary folder. *Never*: exits with 0 when something was not observed, or leaves anything behind.
"""

from __future__ import annotations

import argparse
from pathlib import Path

DEFAULT_MANIFEST = Path(__file__).resolve().parents[2] / "examples" / "web.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `setpoint demo` takes."""
    parser.add_argument("--machines", type=int, default=5, metavar="N", help="how many machines (default: 5)")
    parser.add_argument(
        "--manifest", type=Path, default=DEFAULT_MANIFEST, metavar="FILE", help="the Deployment (examples/web.yaml)"
    )
    parser.add_argument(
        "--isolation",
        choices=("auto", "netns", "groups"),
        default="auto",
        help="machines as network namespaces (netns, needs root) or as process groups on loopback (groups)",
    )
    parser.add_argument("--plain", action="store_true", help="plain lines even at a terminal")
    parser.add_argument("--keep", action="store_true", help="keep the cluster's folder, with its logs, at the end")


def run(options: argparse.Namespace) -> int:
    """Run the demo; 0 only if everything that it promises was observed."""
    from setpoint.demo.play import play
    from setpoint.local.interruption import run_interruptible

    return run_interruptible(play(options))

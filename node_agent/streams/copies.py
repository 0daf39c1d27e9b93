"""The command that is one end of a copy in a container (`proto.copying`), for a client of `down.copy`.

It runs as the container's program does, as any user and with any view, and so perhaps without a right to the
interpreter that this agent runs on. It is given to the first interpreter that works there, as text.
"""

from __future__ import annotations

import shlex
import sys
from functools import cache
from pathlib import Path

from node_agent.streams.requests import request_of
from proto import codec
from proto.bus.port import Message
from proto.errors import BadRequest
from proto.node import CopyRequest, ExecRequest

INTERPRETERS = (sys.executable, "python3", "/usr/bin/python3", "/usr/local/bin/python3")

_SHELL = f"""\
source=$1; shift
for python in {shlex.join(INTERPRETERS)}; do
  "$python" -I -S -c "import tarfile" 2>/dev/null && exec "$python" -I -S -c "$source" "$@"
done
echo "the container's user can run none of the Python interpreters that copy here: {shlex.join(INTERPRETERS)}" >&2
exit 126
"""


def read_copy_request(message: Message) -> ExecRequest:
    """The command that does what a client wants copied.

    Raises:
        BadRequest: it cannot be read, or lacks a path.
    """
    request = request_of(message.data, CopyRequest, "copy")
    if not request.path or "\0" in request.path:
        raise BadRequest("the path to copy must not be empty or contain a NUL character")
    direction = "receive" if request.receive else "send"
    return ExecRequest(
        namespace=request.namespace,
        pod=request.pod,
        container=request.container,
        command=("/bin/sh", "-c", _SHELL, "sh", _source(), direction, request.path),
        stdin=request.receive,
    )


@cache
def _source() -> str:
    """Read and not imported: no agent needs tarfile and all that comes with it."""
    return Path(codec.__file__).with_name("copying.py").read_text()

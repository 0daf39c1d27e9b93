"""Text of several programs on its way to one screen: cut into whole lines, each with the name of its program.

Works on pieces as they come, by the piece and not by the line. Never: keeps more than one line that has not ended.
"""

from __future__ import annotations

LINE_BYTES_MAX = 1024 * 1024
"""What is longer goes on in the middle of the line, and may then meet another program's."""


class LineCutter:
    """One program's text. What `cut` returns ends with a newline, unless the line is far too long."""

    def __init__(self, label: bytes = b"") -> None:
        self._label = label
        self._rest = b""
        self._inside_line = False

    def cut(self, text: bytes | memoryview) -> bytes:
        """The lines that the text ends, together with what was kept of the first of them."""
        text = b"".join((self._rest, text))
        end = text.rfind(b"\n") + 1
        if len(text) - end > LINE_BYTES_MAX:
            end = len(text)
        self._rest = text[end:]
        return self._labelled(text[:end])

    def finish(self) -> bytes:
        """The last line, if it lacks its newline."""
        rest, self._rest = self._rest, b""
        return self._labelled(rest)

    def _labelled(self, lines: bytes) -> bytes:
        if not lines:
            return b""
        begins, self._inside_line = not self._inside_line, not lines.endswith(b"\n")
        if not self._label:
            return lines
        inner = lines if self._inside_line else lines[:-1]
        labelled = inner.replace(b"\n", b"\n" + self._label) + lines[len(inner) :]
        return self._label + labelled if begins else labelled

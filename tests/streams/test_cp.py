"""Copies in both directions, with modes and links, and clients that are killed on the way."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from proto import copying
from tests.streams.conftest import Stage
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


def tree(folder: Path) -> dict[str, object]:
    """Every name below a folder, with what it is."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(path)  # noqa: PTH115
        else:
            found[name] = (path.stat().st_mode & 0o777, path.read_bytes() if path.is_file() else None)
    return found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "inner").mkdir(parents=True)
    (folder / "big").write_bytes(os.urandom(3_000_000))
    (folder / "inner" / "run.sh").write_text("echo hi")
    (folder / "inner" / "run.sh").chmod(0o775)
    (folder / "link").symlink_to("inner/run.sh")
    return folder


async def test_a_folder_goes_there_and_comes_back(stage: Stage, source: Path, tmp_path: Path) -> None:
    await stage.call("cp", str(source), "web:there")
    inside = await stage.call("exec", "web", "-c", "app", "--", "sh", "-c", "sh there/link; pwd")
    greeting, folder = inside.out.split()
    assert (greeting, tree(Path(folder) / "there")) == ("hi", tree(source))
    back = tmp_path / "back"
    back.mkdir()
    await stage.call("cp", "default/web:there", f"{back}/")
    assert tree(back / "there") == tree(source)


async def test_what_is_not_there_is_said_on_either_side(stage: Stage, tmp_path: Path) -> None:
    ended = await stage.call("cp", "web:no-such", str(tmp_path / "x"), ok=False)
    assert ended.status == 1
    assert "no-such: No such file or directory" in ended.err
    assert not list(tmp_path.iterdir())
    assert "no such file" in (await stage.call("cp", str(tmp_path / "no"), "web:x", ok=False)).err
    assert "one of the two must be in a pod" in (await stage.call("cp", "a", "b", ok=False)).err


async def test_a_killed_client_leaves_nothing(stage: Stage, tmp_path: Path) -> None:
    fifo = tmp_path / "endless"
    fifo.mkdir()
    with (fifo / "big").open("wb") as big:
        big.truncate(8 << 30)
    folder = Path((await stage.call("exec", "web", "-c", "app", "--", "pwd")).out.strip())
    call = await stage.call.start("cp", "-c", "app", str(fifo), "web:killed")
    await eventually(lambda: list(folder.glob(".setpoint-copy-*")))
    call.kill()
    await call.wait()
    await eventually(lambda: not list(folder.glob(".setpoint-copy-*")), within_s=20)
    assert not (folder / "killed").exists()


async def test_a_stream_that_broke_off_changes_nothing(tmp_path: Path, source: Path) -> None:
    stream = io.BytesIO()
    copying.send(str(source), stream)
    target = tmp_path / "target"
    for length in (0, 600, 1_000_000, len(stream.getvalue()) - 12_000):
        with pytest.raises((copying.BrokenOff, copying.tarfile.TarError, OSError)):
            copying.receive(str(target), io.BytesIO(stream.getvalue()[:length]))
        assert not target.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["source"]

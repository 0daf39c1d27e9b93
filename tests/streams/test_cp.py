"""Copies in both directions, with modes and links, and clients that are killed on the way."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from proto import copying, streams
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
    await eventually(lambda: not list(folder.glob(".setpoint-copy-*")), within_s=2 * streams.SILENT_S)
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


async def test_an_end_that_is_asked_for_while_clearing_away_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed = copying.shutil.rmtree
    asked: list[Path] = []

    def interrupted(folder: Path, *, ignore_errors: bool) -> None:
        asked.append(folder)
        if len(asked) == 1:
            raise SystemExit(1)
        removed(folder, ignore_errors=ignore_errors)

    monkeypatch.setattr(copying.shutil, "rmtree", interrupted)
    with pytest.raises(SystemExit):
        copying.receive(str(tmp_path / "target"), io.BytesIO(b""))
    assert len(asked) == 2
    assert not list(tmp_path.iterdir())


def copied(source: Path, target: Path) -> None:
    """Copy as both ends do together."""
    stream = io.BytesIO()
    copying.send(str(source), stream)
    copying.receive(str(target), io.BytesIO(stream.getvalue()))


async def test_links_go_as_they_are_wherever_they_lead(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name, target in {
        "absolute": "/etc/hostname",
        "outside": "../..",
        "broken": "no-such",
        "itself": "itself",
    }.items():
        (source / name).symlink_to(target)
    (source / "one").write_text("same")
    (source / "two").hardlink_to(source / "one")
    copied(source, tmp_path / "there")
    assert tree(tmp_path / "there") == tree(source)
    assert (tmp_path / "there" / "one").samefile(tmp_path / "there" / "two")


async def test_folders_keep_their_modes_and_times_but_not_those_that_were_there(tmp_path: Path) -> None:
    source, there = tmp_path / "source", tmp_path / "there"
    (source / "locked").mkdir(parents=True)
    (source / "locked" / "file").write_text("x")
    os.utime(source / "locked", (1e9, 1e9))
    (source / "locked").chmod(0o555)
    source.chmod(0o700)
    (there / "source").mkdir(parents=True)
    (there / "source").chmod(0o1777)
    copied(source, there)
    placed = there / "source" / "locked"
    assert (placed.stat().st_mode & 0o7777, placed.stat().st_mtime) == (0o555, 1e9)
    assert (there / "source").stat().st_mode & 0o7777 == 0o1777


async def test_what_is_no_file_is_left_out_and_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "source"
    source.mkdir()
    os.mkfifo(source / "fifo")
    (source / "file").write_text("x")
    copied(source, tmp_path / "there")
    assert list(tree(tmp_path / "there")) == ["file"]
    assert capfd.readouterr().err == f"{source}/fifo: left out, since it is neither a file, a folder nor a link\n"
    assert copying.main(["send", str(source / "fifo")]) == 1
    assert capfd.readouterr().err == f"{source}/fifo: neither a file, a folder nor a link\n"


async def test_what_is_there_and_of_another_kind_is_not_replaced(tmp_path: Path) -> None:
    source, pipe, folder, file = (tmp_path / name for name in ("source", "pipe", "folder", "file"))
    source.write_text("x")
    os.mkfifo(pipe)
    with pytest.raises(copying.Unsafe, match=f"{pipe}: neither a file nor a folder, so it is not replaced"):
        copied(source, pipe)
    assert pipe.is_fifo()
    file.write_text("y")
    folder.mkdir()
    with pytest.raises(NotADirectoryError, match=f"Not a directory: '{file}'"):
        copied(folder, file)
    assert file.read_text() == "y"


async def test_a_link_that_is_there_is_no_way_out(tmp_path: Path) -> None:
    elsewhere, source, there = tmp_path / "elsewhere", tmp_path / "d", tmp_path / "there"
    elsewhere.mkdir()
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "file").write_text("x")
    (there / "d").mkdir(parents=True)
    (there / "d" / "inner").symlink_to(elsewhere)
    with pytest.raises(NotADirectoryError):
        copied(source, there)
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param("/tmp/x", tarfile.REGTYPE, id="absolute"),
        pytest.param("d/../../x", tarfile.REGTYPE, id="upwards"),
        pytest.param("d/way/x", tarfile.REGTYPE, id="through a link"),
        pytest.param("d/way", tarfile.REGTYPE, id="over a link"),
        pytest.param("d/hard", tarfile.LNKTYPE, id="hard link to elsewhere"),
        pytest.param("d/device", tarfile.CHRTYPE, id="device"),
    ],
)
async def test_a_stream_that_leads_elsewhere_is_refused(tmp_path: Path, name: str, kind: bytes) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret").write_text("s")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w|") as tar:
        folder, way, evil = tarfile.TarInfo("d"), tarfile.TarInfo("d/way"), tarfile.TarInfo(name)
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        way.type, way.linkname = tarfile.SYMTYPE, str(elsewhere)
        evil.type, evil.linkname = kind, "d/way/secret" if kind == tarfile.LNKTYPE else ""
        for member in (folder, way, evil, tarfile.TarInfo(copying.WHOLE)):
            tar.addfile(member)
    with pytest.raises(copying.Unsafe):
        copying.receive(str(tmp_path / "there"), io.BytesIO(stream.getvalue()))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere"]
    assert [path.name for path in elsewhere.iterdir()] == ["secret"]


async def test_a_user_who_may_not_use_the_agents_python_copies_all_the_same(stage: Stage, tmp_path: Path) -> None:
    container = {"name": "app", "command": ["sleep", "1000"], "env": [{"name": "PYTHONHOME", "value": "/nowhere"}]}
    security = {"runAsUser": 65534, "runAsGroup": 65534}
    spec = {"terminationGracePeriodSeconds": 1, "securityContext": security, "containers": [container]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "nobody"}, "spec": spec}
    await stage.call("apply", "-f", "-", stdin=json.dumps(pod))
    await stage.call("wait", "--for=condition=Ready", "pod/nobody")
    (tmp_path / "- odd\nname").write_text("x")
    await stage.call("cp", str(tmp_path / "- odd\nname"), "nobody:/tmp/setpoint-nobody")
    try:
        shown = (await stage.call("exec", "nobody", "--", "stat", "-c", "%U %s", "/tmp/setpoint-nobody")).out
        assert shown == "nobody 1\n"
        await stage.call("cp", "nobody:/tmp/setpoint-nobody", str(tmp_path / "back"))
        assert (tmp_path / "back").read_text() == "x"
        refused = await stage.call("cp", str(tmp_path / "back"), "nobody:/etc/back", ok=False)
        assert (refused.status, refused.err) == (1, "/etc: Permission denied\n")
    finally:
        Path("/tmp/setpoint-nobody").unlink(missing_ok=True)

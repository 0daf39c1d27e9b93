"""What is in volumes, and how their files change all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node_agent.plan.config import Config, ConfigProblem
from node_agent.plan.environment import Host
from node_agent.plan.launch import Hold, prepare
from node_agent.plan.security import NO_VIEWS, Account
from node_agent.plan.volumes import Content, File, MountPoint, Volumes, changing_files, content_of, volumes_of
from node_agent.storage.disk import DiskStorage
from node_agent.volumes.atomic_files import write_files
from node_agent.volumes.keeper import VolumeFailure, VolumeKeeper
from node_agent.volumes.places import WrongPlace, host_place
from proto.objects.pod import Pod
from proto.objects.volumes import HostPathVolumeSource, Volume
from tests.agent.pods import pod

HOST = Host("n", "10.0.0.1")
CONFIG = Config({"c": {"a": "1", "b": "2"}}, {"s": {"k": "AP8="}}, {"c": {"raw": "/wA="}})


def content(source: dict[str, Any], config: Config = CONFIG) -> Content:
    volume = Volume.model_validate({"name": "v", **source})
    return content_of(volume, pod("web", volumes=[{"name": "v", **source}]), config, HOST)


def data(source: dict[str, Any]) -> dict[str, tuple[bytes, int]]:
    return {path: (file.data, file.mode) for path, file in (content(source).files or {}).items()}


CASES = [
    ("config", {"configMap": {"name": "c"}}, {"a": (b"1", 0o644), "b": (b"2", 0o644), "raw": (b"\xff\0", 0o644)}),
    ("secret", {"secret": {"secretName": "s", "defaultMode": 0o400}}, {"k": (b"\0\xff", 0o400)}),
    ("items", {"configMap": {"name": "c", "items": [{"key": "a", "path": "x/y", "mode": 0o600}]}},
     {"x/y": (b"1", 0o600)}),
    ("optional", {"configMap": {"name": "none", "optional": True}}, {}),
    ("optional-key", {"secret": {"secretName": "s", "optional": True, "items": [{"key": "z", "path": "z"}]}}, {}),
    ("downward", {"downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
     {"n": (b"default", 0o644)}),
    ("projected", {"projected": {"defaultMode": 0o440, "sources": [
        {"configMap": {"name": "c", "items": [{"key": "a", "path": "a"}]}},
        {"secret": {"name": "s", "items": [{"key": "k", "path": "a"}]}}]}}, {"a": (b"\0\xff", 0o440)}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "files"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_in_a_volume(source: dict[str, Any], files: dict[str, tuple[bytes, int]]) -> None:
    assert data(source) == files


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (
            {"projected": {"sources": [{}]}},
            "sources[0] is none that this version knows: configMap, secret, downwardAPI",
        ),
        ({"configMap": {"name": "none"}}, 'configmap "none" not found'),
        ({"secret": {"secretName": "none"}}, 'secret "none" not found'),
        (
            {"secret": {"secretName": "s", "items": [{"key": "z", "path": "z"}]}},
            "references non-existent secret key: z",
        ),
        (
            {"configMap": {"name": "c", "items": [{"key": "z", "path": "z"}]}},
            "configmap references non-existent config key: z",
        ),
        ({}, "it has no source that this version knows"),
        (
            {"configMap": {"name": "c", "items": [{"key": "a", "path": "x/"}, {"key": "a", "path": "x//y"}]}},
            '"x/y" cannot be in the volume: "x" is a file, so nothing can be below it',
        ),
    ],
    ids=["projected", "config", "secret", "secret-key", "config-key", "nothing", "below-a-file"],
)
def test_what_is_missing_says_so(source: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigProblem) as problem:
        content(source)
    assert str(problem.value) == f'MountVolume.SetUp failed for volume "v" : {why}'


def mounting(*mounts: dict[str, Any]) -> Pod:
    volumes = [
        {"name": "c", "configMap": {"name": "c"}},
        {"name": "e", "emptyDir": {}},
        {"name": "n", "configMap": {"name": "n"}},
    ]
    return pod("web", {"command": ["x"], "volumeMounts": list(mounts)}, volumes=volumes)


def test_a_container_gets_what_it_mounts_and_files_are_read_only() -> None:
    web = mounting(
        {"name": "c", "mountPath": "/c"},
        {"name": "e", "mountPath": "/e", "subPath": "x"},
        {"name": "e", "mountPath": "/f", "subPathExpr": "of/$(NAME)"},
    )
    found = volumes_of(web, web.spec.containers[0], CONFIG, HOST, {"NAME": "m"})
    assert found.mounts == (
        MountPoint("c", "/c", "", True),
        MountPoint("e", "/e", "x", False),
        MountPoint("e", "/f", "of/m", False),
    )
    assert set(found.contents) == {"c", "e"}
    assert set(changing_files(web, CONFIG, HOST)) == {"c"}


def test_a_missing_source_is_a_reason_to_wait_and_a_lack_of_rights_to_refuse() -> None:
    missing = mounting({"name": "n", "mountPath": "/n"})
    held = prepare(missing, missing.spec.containers[0], CONFIG, {}, HOST)
    why = 'MountVolume.SetUp failed for volume "n" : configmap "n" not found'
    assert held == Hold("ContainerCreating", why)
    refused = prepare(
        missing, missing.spec.containers[0], CONFIG, {}, Host("n", "a", account=Account(1000, views=False))
    )
    assert isinstance(refused, Hold) and refused.reason == "CreateContainerError"
    assert refused.message == f"volumeMounts: this node's agent runs as user 1000, not as root, and {NO_VIEWS}"


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ("of/$(IT)", "refers to IT, and there is no such variable"),
        ("$(HOME)", "must become a relative path, found '/root'"),
    ],
)
def test_a_part_that_cannot_be_told(part: str, why: str) -> None:
    web = mounting({"name": "e", "mountPath": "/e", "subPathExpr": part})
    held = prepare(web, web.spec.containers[0], CONFIG, {}, Host("n", "a", base_env={"HOME": "/root"}))
    assert held == Hold("CreateContainerConfigError", f"subPathExpr {part!r} of container 'app' {why}")


def seen(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for name in folder.iterdir()
        if not name.name.startswith("..")
        for path in ([name] if name.is_file() else name.rglob("*"))
        if path.is_file()
    }


def test_files_change_all_at_once_and_leave_nothing_behind(tmp_path: Path) -> None:
    def of(**texts: str) -> dict[str, File]:
        return {path.replace("_", "/"): File(text.encode(), 0o644) for path, text in texts.items()}

    assert write_files(tmp_path, of(a="1", b="2", d_e="3"))
    assert seen(tmp_path) == {"a": "1", "b": "2", "d/e": "3"}
    assert not write_files(tmp_path, of(a="1", b="2", d_e="3"))
    held = (tmp_path / "..data").resolve()
    assert write_files(tmp_path, of(a="4", c="5"))
    assert seen(tmp_path) == {"a": "4", "c": "5"}
    assert not held.exists()
    assert len([path for path in tmp_path.iterdir() if path.name.startswith("..")]) == 2
    assert write_files(tmp_path, {"a": File(b"4", 0o600)})
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert write_files(tmp_path, {}) and seen(tmp_path) == {}


def test_paths_in_each_others_way_change_nothing(tmp_path: Path) -> None:
    write_files(tmp_path, {"a": File(b"1", 0o644)})
    with pytest.raises(OSError):
        write_files(tmp_path, {"b": File(b"", 0o644), "b/c": File(b"", 0o644)})
    assert seen(tmp_path) == {"a": "1"}
    assert len([path for path in tmp_path.iterdir() if path.name.startswith("..")]) == 2


@pytest.mark.parametrize(
    ("kind", "there", "problem"),
    [
        ("", "folder", ""),
        ("", "", "hostPath {}: No such file or directory"),
        ("Directory", "folder", ""),
        ("Directory", "file", "hostPath type check failed: {} is not a directory"),
        ("DirectoryOrCreate", "", ""),
        ("DirectoryOrCreate", "file", "hostPath type check failed: {} is not a directory"),
        ("File", "folder", "hostPath type check failed: {} is not a file"),
        ("FileOrCreate", "", ""),
        ("Socket", "file", "hostPath type check failed: {} is not a socket file"),
        ("CharDevice", "file", "hostPath type check failed: {} is not a character device"),
        ("BlockDevice", "folder", "hostPath type check failed: {} is not a block device"),
    ],
)
def test_places_of_the_machine(tmp_path: Path, kind: str, there: str, problem: str) -> None:
    place = tmp_path / "place"
    if there == "folder":
        place.mkdir()
    elif there == "file":
        place.touch()
    source = HostPathVolumeSource.model_validate({"path": str(place), "type": kind})
    if not problem:
        assert host_place(source) == place and place.exists()
        return
    with pytest.raises(WrongPlace) as failure:
        host_place(source)
    assert str(failure.value) == problem.format(place)


@pytest.mark.parametrize(
    ("sub_path", "problem"),
    [
        ("a", ""),
        ("out", "out leads out of the volume"),
        ("z", "z is not there"),
        ("z" * 300, "z: File name too long"),
        ("z\0", "embedded null byte"),
    ],
    ids=["there", "outside", "missing", "too-long", "nul"],
)
async def test_parts_of_volumes(tmp_path: Path, sub_path: str, problem: str) -> None:
    storage = DiskStorage(tmp_path)
    keeper = VolumeKeeper(storage)
    files = {"a": File(b"1", 0o644)}
    whole = Volumes({"v": Content(files=files)}, (MountPoint("v", "/v"),))
    ((source, path, read_only),) = await keeper.mounts_of("uid", whole, -1)
    assert (source, path, read_only) == (str(storage.volume_dir("uid", "v")), "/v", False)
    (Path(source) / "out").symlink_to("/etc")
    part = Volumes(whole.contents, (MountPoint("v", "/v", sub_path),))
    if problem:
        with pytest.raises(VolumeFailure, match=problem):
            keeper._make("uid", part, -1)
    else:
        ((source, _, _),) = await keeper.mounts_of("uid", part, -1)
        assert Path(source).read_text() == "1"


async def test_what_cannot_be_written_is_told_in_the_same_words_each_time(tmp_path: Path) -> None:
    storage = DiskStorage(tmp_path)
    keeper = VolumeKeeper(storage)
    long = Volumes({"v": Content(files={"z" * 300: File(b"1", 0o644)})}, (MountPoint("v", "/v"),))
    for _ in range(2):
        with pytest.raises(VolumeFailure) as failure:
            await keeper.mounts_of("uid", long, -1)
        where = f"{storage.volume_dir('uid', 'v')}/{'z' * 300}"
        assert str(failure.value) == f'MountVolume.SetUp failed for volume "v" : File name too long: {where}'

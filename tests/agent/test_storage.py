"""What an agent keeps: the same promises on disk and in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from node_agent.storage.disk import DiskStorage
from node_agent.storage.memory import MemoryStorage
from node_agent.storage.port import Identity, PodRecord, StateDirHeld, Storage, StorageFailure, valid_uid
from proto.node import Assignment
from tests.agent.pods import pod


@pytest.fixture(params=["disk", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    made: Storage = DiskStorage(tmp_path / "state") if request.param == "disk" else MemoryStorage()
    made.open()
    return made


def record(name: str = "web", **more: object) -> PodRecord:
    return PodRecord.model_validate({"assignment": Assignment(pod=pod(name), config={"a": {"b": "c"}}), **more})


def test_records_come_back_as_they_were(storage: Storage) -> None:
    storage.save_pod(record(ports={"app/0": 20001}))
    storage.save_pod(record(ports={"app/0": 20002}, assigned=False))
    assert storage.load_pods() == (record(ports={"app/0": 20002}, assigned=False),)


def test_an_identity_comes_back_as_it_was(storage: Storage) -> None:
    assert storage.load_identity() == Identity()
    identity = Identity(machine_id="m", incarnation="b", predecessors=("a",))
    storage.save_identity(identity)
    assert storage.load_identity() == identity


async def test_nothing_of_a_removed_pod_is_left(storage: Storage) -> None:
    storage.save_pod(record())
    storage.prepare_pod("u-web")
    assert storage.pod_uids() == {"u-web"}
    await storage.remove_pod("u-web")
    await storage.remove_pod("u-web")
    assert storage.pod_uids() == frozenset() and storage.load_pods() == ()


def test_it_belongs_to_one_agent(storage: Storage, tmp_path: Path) -> None:
    other = DiskStorage(tmp_path / "state") if isinstance(storage, DiskStorage) else storage
    with pytest.raises(StateDirHeld, match="another agent works on"):
        other.open()
    storage.close()
    other.open()


def test_a_broken_record_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    storage = DiskStorage(tmp_path)
    storage.open()
    storage.save_pod(record("good"))
    storage.save_pod(record("bad"))
    (tmp_path / "pods/u-bad/record.msgpack").write_bytes(b"\x81\xa3no")
    assert storage.load_pods() == (record("good"),)
    assert "record_unreadable" in caplog.text


def test_a_place_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailure, match=r"cannot use state directory .*/file/state"):
        DiskStorage(tmp_path / "file" / "state").open()


@pytest.mark.parametrize(
    ("uid", "valid"),
    [("0b1c-9", True), ("u_web", True), ("", False), ("..", False), ("a/b", False), ("a.b", False), ("x" * 129, False)],
)
def test_uids_that_may_name_a_directory(uid: str, valid: bool) -> None:
    assert valid_uid(uid) is valid

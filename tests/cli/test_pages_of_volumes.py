"""`describe` of pods with volumes."""

from __future__ import annotations

import pytest

from proto.catalog import BY_KIND
from setpoint.cli.pages import page

VOLUMES = [
    ("ConfigMap", {"configMap": {"name": "c", "items": [{"key": "k", "path": "p"}]}},
     ["Type: ConfigMap (a volume populated by a ConfigMap)", "Name: c", "Item: k -> p", "Optional: false"]),
    ("Secret", {"secret": {"secretName": "s", "optional": True}}, ["SecretName: s", "Optional: true"]),
    ("EmptyDir", {"emptyDir": {}}, ["Medium: <none>", "SizeLimit: <unset>"]),
    ("limited", {"emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}, ["Medium: Memory", "SizeLimit: 1Mi"]),
    ("HostPath", {"hostPath": {"path": "/srv", "type": "Directory"}}, ["Path: /srv", "HostPathType: Directory"]),
    ("DownwardAPI",
     {"downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}},
                                {"path": "m", "resourceFieldRef": {"containerName": "a", "resource": "limits.cpu"}}]}},
     ["Item: metadata.labels -> l", "Item: limits.cpu of a -> m"]),
    ("Projected", {"projected": {"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "s"}}]}},
     ["ConfigMapName: c", "SecretName: s"]),
    ("other", {}, ["Type: of a source that is not implemented here"]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "shown"), [case[1:] for case in VOLUMES], ids=[case[0] for case in VOLUMES])
def test_volumes_and_mounts_are_shown(source: dict[str, object], shown: list[str]) -> None:
    mounts = [{"name": "v", "mountPath": "/v", "readOnly": True}, {"name": "v", "mountPath": "/w", "subPath": "x"}]
    spec = {"containers": [{"name": "a", "volumeMounts": mounts}], "volumes": [{"name": "v", **source}]}
    item = {"metadata": {"name": "web", "namespace": "default"}, "spec": spec}
    lines = [" ".join(line.split()) for line in page(BY_KIND["Pod"], item)]
    for expected in ("Mounts:", "/v from v (ro)", '/w from v (rw,path="x")', "Volumes:", "v:", *shown):
        assert expected in lines
    assert "Volumes:" not in page(BY_KIND["Pod"], {**item, "spec": {"containers": [{"name": "a"}]}})

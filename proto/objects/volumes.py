"""Volumes: files and folders that a pod's programs find at the paths where they are mounted.

Source: Kubernetes API reference, core/v1 Volume and VolumeMount.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from proto.objects.core import Quantity
from proto.objects.env import ObjectFieldSelector, ResourceFieldSelector
from proto.objects.meta import Many, Model, Text

_PERMISSIONS_MAX = 0o777


def _permissions(mode: int) -> int:
    """Most people who are wrong here have written octal digits without the 0 that makes them octal."""
    if mode > _PERMISSIONS_MAX:
        raise ValueError(f"must be between 0 and 0777 (octal), found {mode}, which is 0{mode:o}")
    return mode


FileMode = Annotated[int, Field(ge=0), AfterValidator(_permissions)]
"""Permission bits; in YAML `0644` is octal, in JSON it is written as 420."""

HostPathType = Literal[
    "", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"
]


class KeyToPath(Model):
    """One key of a ConfigMap or Secret as a file."""

    key: str
    """The key."""
    path: str
    """The file, relative to the volume."""
    mode: FileMode | None = None
    """Its permissions; left out, the volume's default."""


class ConfigMapVolumeSource(Model):
    """The keys of a ConfigMap as files, which change when it does."""

    name: Text = ""
    """The ConfigMap."""
    items: Many[KeyToPath] = ()
    """Which keys, and as which files; left out, all of them under their own names."""
    default_mode: FileMode = 0o644
    """Permissions of the files."""
    optional: bool | None = None
    """Whether the pod starts without it, and without keys that are missing."""


class SecretVolumeSource(Model):
    """The keys of a Secret as files, which change when it does."""

    secret_name: Text = ""
    """The Secret."""
    items: Many[KeyToPath] = ()
    """Which keys, and as which files; left out, all of them under their own names."""
    default_mode: FileMode = 0o644
    """Permissions of the files."""
    optional: bool | None = None
    """Whether the pod starts without it, and without keys that are missing."""


class DownwardAPIVolumeFile(Model):
    """One file that tells something of the pod itself."""

    path: str
    """The file, relative to the volume."""
    field_ref: ObjectFieldSelector | None = None
    """A field of the pod; `metadata.labels` and `metadata.annotations` are told as lines of `key="value"`."""
    resource_field_ref: ResourceFieldSelector | None = None
    """A request or limit of a container, which `containerName` must name."""
    mode: FileMode | None = None
    """Its permissions; left out, the volume's default."""


class DownwardAPIVolumeSource(Model):
    """What the pod may know of itself as files, which change when it does."""

    items: Many[DownwardAPIVolumeFile] = ()
    """The files."""
    default_mode: FileMode = 0o644
    """Permissions of the files."""


class ConfigMapProjection(Model):
    """The keys of a ConfigMap in a projected volume."""

    name: Text = ""
    """The ConfigMap."""
    items: Many[KeyToPath] = ()
    """Which keys, and as which files; left out, all of them under their own names."""
    optional: bool | None = None
    """Whether the pod starts without it, and without keys that are missing."""


class SecretProjection(Model):
    """The keys of a Secret in a projected volume."""

    name: Text = ""
    """The Secret."""
    items: Many[KeyToPath] = ()
    """Which keys, and as which files; left out, all of them under their own names."""
    optional: bool | None = None
    """Whether the pod starts without it, and without keys that are missing."""


class DownwardAPIProjection(Model):
    """What the pod may know of itself in a projected volume."""

    items: Many[DownwardAPIVolumeFile] = ()
    """The files."""


class VolumeProjection(Model):
    """One source of a projected volume."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset({"clusterTrustBundle", "podCertificate", "serviceAccountToken"})

    config_map: ConfigMapProjection | None = None
    """The keys of a ConfigMap."""
    secret: SecretProjection | None = None
    """The keys of a Secret."""
    downward_api: DownwardAPIProjection | None = Field(default=None, alias="downwardAPI")
    """What the pod may know of itself."""


class ProjectedVolumeSource(Model):
    """Several sources in one volume; of two files of one path the later one counts."""

    sources: Many[VolumeProjection] = ()
    """The sources."""
    default_mode: FileMode = 0o644
    """Permissions of the files."""


class EmptyDirVolumeSource(Model):
    """A folder that is empty when the pod comes to its node, and removed with it. Its containers share it."""

    medium: Literal["", "Memory"] = ""
    """Memory: in the machine's memory (tmpfs); otherwise on the disk of the node's state directory."""
    size_limit: Quantity | None = None
    """How much it may hold. In memory no more fits into it; on the disk the pod is evicted soon after it holds more."""


class HostPathVolumeSource(Model):
    """A file or folder of the machine."""

    path: str
    """Where it is."""
    type: HostPathType = ""
    """What must be there, or is made where it is not; empty: whatever is there."""


class Volume(Model):
    """Files or a folder with a name, which containers mount. Exactly one source is given."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset(
        {"awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "csi", "ephemeral", "fc", "flexVolume",
         "flocker", "gcePersistentDisk", "gitRepo", "glusterfs", "image", "iscsi", "nfs", "persistentVolumeClaim",
         "photonPersistentDisk", "portworxVolume", "quobyte", "rbd", "scaleIO", "storageos", "vsphereVolume"}
    )  # fmt: skip

    name: str
    """Its name, unique in the pod."""
    config_map: ConfigMapVolumeSource | None = None
    """The keys of a ConfigMap as files."""
    secret: SecretVolumeSource | None = None
    """The keys of a Secret as files."""
    downward_api: DownwardAPIVolumeSource | None = Field(default=None, alias="downwardAPI")
    """What the pod may know of itself as files."""
    projected: ProjectedVolumeSource | None = None
    """Several of these in one."""
    empty_dir: EmptyDirVolumeSource | None = None
    """An empty folder for the pod's life."""
    host_path: HostPathVolumeSource | None = None
    """A file or folder of the machine."""


class VolumeMount(Model):
    """Where a container finds a volume."""

    name: str
    """The volume."""
    mount_path: str
    """The path, which is made if it is not there. Only the container sees the volume in its place."""
    sub_path: Text = ""
    """A file or folder of the volume that is mounted instead of all of it; it does not change with its source."""
    sub_path_expr: Text = ""
    """The same, with `$(NAME)` for a variable of the container's environment."""
    mount_propagation: Literal["None", "HostToContainer", "Bidirectional"] | None = None
    """Whether later mounts of the machine are seen in it; they are, either way. The other direction is not to be had:
    with Bidirectional the container does not start."""
    recursive_read_only: Literal["Disabled", "IfPossible", "Enabled"] | None = None
    """Whether what is mounted below it is read-only, too; with Enabled the container does not start, as that cannot be
    kept."""
    read_only: bool = False
    """Whether the container may only read it; it may never write to what is made of ConfigMaps, Secrets and the pod."""

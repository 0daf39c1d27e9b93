"""Which images can run: none yet but the machine itself.

A container without an image, or with the image `host`, runs a program that is installed on the machine.
"""

from __future__ import annotations

from proto.objects.pod import Pod

REASON = "ImagesNotSupported"


def is_host(image: str) -> bool:
    """Whether the image stands for the machine's own programs."""
    return image in ("", "host")


def image_problem(image: str) -> str:
    """Why a container with this image cannot run; "" when it can."""
    if is_host(image):
        return ""
    return (
        f'cannot run image "{image}": images are not supported yet; '
        "leave `image` out (or write `image: host`) to run a program of the machine"
    )


def all_runnable(pod: Pod) -> bool:
    """Whether every container of the pod can run here: half a pod is not started."""
    return all(is_host(container.image) for container in (*pod.spec.init_containers, *pod.spec.containers))

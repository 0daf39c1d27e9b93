#!/bin/sh
# Gives the machine a disk that outlives its reboots, and lays what Setpoint keeps onto it.
set -e
modprobe virtio_pci
modprobe virtio_blk
modprobe ext4
mkdir -p /disk
mount -t ext4 /dev/vda /disk
mkdir -p /disk/setpoint /disk/private /var/lib/setpoint /var/lib/private
chmod 700 /disk/private
mount --bind /disk/setpoint /var/lib/setpoint
mount --bind /disk/private /var/lib/private
ip link set lo up
# As the guide says for huge pages: systemd does not know the controller, and leaves it as it finds it.
for group in /sys/fs/cgroup /sys/fs/cgroup/system.slice; do echo +hugetlb > $group/cgroup.subtree_control; done

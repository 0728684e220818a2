"""Network file systems are recognized by the system's list of mounts."""

from pathlib import Path

import pytest

from renderq_shared.history import file_systems
from renderq_shared.history.file_systems import network_file_system

MOUNTS = r"""
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/local xfs rw 0 0
//server/share /mnt/my\040share cifs rw 0 0
/dev/sdc1 /mnt/over ext4 rw 0 0
host:/x /mnt/over fuse.sshfs rw 0 0
host:/x /mnt/under nfs rw 0 0
/dev/sdd1 /mnt/under ext4 rw 0 0
ceph-fuse /mnt/ceph fuse.ceph-fuse rw 0 0
""".lstrip()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/history.db", None),
        ("/home/ada/history.db", "nfs4"),
        ("/home/local/history.db", None),
        ("/home2/history.db", None),
        ("/mnt/my share/new/history.db", "cifs"),
        ("/mnt/over/history.db", "fuse.sshfs"),
        ("/mnt/under/history.db", None),
        ("/mnt/ceph/history.db", "fuse.ceph-fuse"),
    ],
)
def test_the_deepest_mount_decides(
    path: str, kind: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)
    monkeypatch.setattr(file_systems, "MOUNTS", tmp_path / "mounts")
    assert network_file_system(Path(path)) == kind


def test_the_real_list_is_readable_and_another_system_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert network_file_system(tmp_path) is None
    monkeypatch.setattr(file_systems, "MOUNTS", tmp_path / "missing")
    assert network_file_system(tmp_path) is None

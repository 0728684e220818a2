"""File systems on which SQLite cannot be used."""

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")

_NETWORK = frozenset(
    {
        *("afs", "beegfs", "ceph", "cifs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs"),
        *("fuse.ceph", "fuse.ceph-fuse", "fuse.gcsfuse", "fuse.glusterfs", "fuse.juicefs", "fuse.rclone", "fuse.s3fs"),
        "fuse.sshfs",
    }
)


def network_file_system(path: Path) -> str | None:
    """Return the type of the network file system that holds a path, such as `nfs4`.

    `None` if it is a local one, or if the system has no `MOUNTS`.
    """
    try:
        lines = MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return None
    mounts = [(Path(_unescape(line.split(" ")[1])), line.split(" ")[2]) for line in lines]
    above = [(len(folder.parts), kind) for folder, kind in mounts if path.resolve().is_relative_to(folder)]
    depth = max((depth for depth, _ in above), default=0)
    kinds = [kind for each, kind in above if each == depth]
    return kinds[-1] if kinds and kinds[-1] in _NETWORK else None  # the last mount hides those before it


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), text)

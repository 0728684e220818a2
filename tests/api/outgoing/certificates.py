"""A certificate that nobody has signed but its owner."""

import subprocess
from pathlib import Path


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Key and certificate of `hooks.test`."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=hooks.test"
    make += f" -addext subjectAltName=DNS:hooks.test -keyout {key} -out {certificate}"
    subprocess.run(make.split(), check=True, capture_output=True)
    return key, certificate

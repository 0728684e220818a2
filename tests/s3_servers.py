"""Real S3 servers for tests. Two, because neither implements all of Amazon's."""

import fcntl
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from boto3.session import Session

REGION = "us-east-1"
MINISTACK = "ministack==1.5.33"
"""Runs in a virtual environment of its own: it pins another botocore."""

_START_S = 60.0


class S3Server:
    """A server on a folder and a port of its own; it can be stopped and restarted."""

    access_key = "renderq-tests"
    secret_key = "a-secret-of-tests"

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.folder = folder
        self.host = host
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    def argv(self) -> list[str]:
        raise NotImplementedError

    def variables(self) -> dict[str, str]:
        """The server's environment."""
        raise NotImplementedError

    @property
    def endpoint(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        """Environment with which boto3 reaches it, isolated from this machine's configuration."""
        return aws_env(self.endpoint, self.access_key, self.secret_key)

    def client(self, service: str = "s3") -> Any:
        session = Session(self.access_key, self.secret_key, region_name=REGION)
        return session.client(service, endpoint_url=self.endpoint)

    def start(self) -> None:
        """Wait until it answers."""
        log = (self.folder / "server.log").open("a")
        with log:
            self._process = subprocess.Popen(
                self.argv(), env={**os.environ, **self.variables()}, stdout=log, stderr=subprocess.STDOUT
            )
        end = time.monotonic() + _START_S
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "server.log").read_text()
            assert time.monotonic() < end, (self.folder / "server.log").read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(self.endpoint, timeout=5).close()
        except urllib.error.HTTPError as refused:
            refused.close()
        except OSError:
            return False
        return True


class Nanio(S3Server):
    """Keeps objects as files, checks signatures; survives a kill with its data."""

    @property
    def listen(self) -> str:
        """Address on which the server listens."""
        return "127.0.0.1" if self.host == "127.0.0.1" else "0.0.0.0"

    def argv(self) -> list[str]:
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        where = ["--data-dir", str(data), "--host", self.listen, "--port", str(self.port)]
        return [sys.executable, "-m", "nanio", "serve", *where, "--no-access-log"]

    def variables(self) -> dict[str, str]:
        return {"NANIO_ACCESS_KEY": self.access_key, "NANIO_SECRET_KEY": self.secret_key}


class MiniStack(S3Server):
    """Checks signatures, expiry and rights, and applies the header overrides of a signed URL."""

    def argv(self) -> list[str]:
        return [str(_environment_of(MINISTACK) / "bin" / "ministack")]

    def variables(self) -> dict[str, str]:
        return {"AUTH": "true", "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(self.port)}

    def start(self) -> None:
        super().start()
        self.access_key, self.secret_key = self.new_key("s3:*")

    def new_key(self, *actions: str) -> tuple[str, str]:
        """Create a key with these rights only."""
        name = f"user-{time.monotonic_ns()}"
        iam = Session("test", "test", region_name=REGION).client("iam", endpoint_url=self.endpoint)
        allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [allowed]}
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="tests", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]


def aws_env(endpoint: str, access_key: str, secret_key: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_DEFAULT_REGION": REGION,
        **NO_AWS,
    }


NO_AWS: Mapping[str, str] = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Isolate a test from this machine's S3 configuration."""


def _environment_of(requirement: str) -> Path:
    """A virtual environment with this package, created by the first caller and kept for the next run."""
    folder = Path(sys.prefix) / "test-services" / requirement.replace("==", "-")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".ready").exists():
            venv.create(folder, with_pip=False, symlinks=True)
            pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
            subprocess.run([*pip, "install", "--quiet", requirement], check=True)
            (folder / ".ready").touch()
    return folder

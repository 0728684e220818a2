"""`renderq history migrate`: output, exit codes, and one line for whatever is wrong with an address."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from renderq.cli import main
from renderq_shared.history import file_systems
from tests.shared.history import raw_sql


def test_it_says_what_it_has_changed(history_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    migrate = ["history", "migrate", "--history-url", history_url]
    assert main(migrate) == 0
    revision = capsys.readouterr().out.split()[-1]
    assert main(migrate) == 0
    assert capsys.readouterr() == (f"revision {revision}, as before\n", "")
    assert main([*migrate, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"state": "current", "revision": revision, "expected": revision}


def test_it_migrates_the_history_of_the_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "migrate"]) == 0
    assert "created the tables" in capsys.readouterr().out
    assert (tmp_path / "history.db").stat().st_mode & 0o777 == 0o600


def test_it_creates_the_data_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "new" / "data"
    assert main(["history", "migrate", "--data", str(data)]) == 0
    assert data.stat().st_mode & 0o777 == 0o700
    assert (data / "history.db").is_file()
    (tmp_path / "file").touch()
    assert main(["history", "migrate", "--data", f"{tmp_path}/file/data"]) == 3
    assert capsys.readouterr().err == f"renderq history migrate: {tmp_path}/file/data: Not a directory\n"


def test_a_newer_schema_is_refused_in_one_line(history_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["history", "migrate", "--history-url", history_url])
    raw_sql.execute(history_url, "UPDATE alembic_version SET version_num = '9999'")
    capsys.readouterr()
    assert main(["history", "migrate", "--history-url", history_url]) == 2
    assert capsys.readouterr() == (
        "",
        "renderq history migrate: the history's schema 9999 is newer than this release; upgrade renderq\n",
    )


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("history.db", 2, "must begin with postgresql:// or sqlite:///"),
        ("mysql://u:secret@host/db", 2, "must begin with postgresql:// or sqlite:///"),
        ("postgresql+asyncpg://u:secret@host/db", 2, "must begin with postgresql:// or sqlite:///"),
        ("postgresql://u:sec@ret@host/db", 2, "must have %40 for an @"),
        ("postgresql://u:secret@host", 2, "must name a database"),
        ("postgresql://u:secret@127.0.0.1:1/db?ssl=require", 2, 'invalid connection option "ssl"'),
        ("postgresql://u:secret@127.0.0.1:1/db?sslmode=off", 3, 'invalid sslmode value: "off"'),
        ("postgresql://u:secret@127.0.0.1:1/db", 3, "PostgreSQL server accepts no connection: "),
        ("sqlite:////nonexistent/history.db", 3, "cannot be opened: /nonexistent/history.db: No such file"),
        ("sqlite:////tmp", 3, "/tmp: Is a directory"),
        ("sqlite:////tmp/history.db?mode=ro", 2, "must have no options"),
    ],
)
def test_what_cannot_work_is_one_line(url: str, code: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["migrate", "--history-url", url], ["copy", url, "sqlite:////nonexistent/x.db"]):
        assert main(["history", *command]) == code
        printed = capsys.readouterr()
        assert (printed.out, printed.err.count("\n")) == ("", 1)
        assert words in printed.err
        assert "secret" not in printed.err
    assert main(["history", "check", "--history-url", url]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_wrong_password_is_one_line(postgres_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    url = postgres_url.replace("postgres@", "nobody:secret@")
    assert main(["history", "migrate", "--history-url", url]) == 3
    [line] = capsys.readouterr().err.splitlines()
    assert 'role "nobody" does not exist' in line
    assert "secret" not in line


def test_a_network_folder_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nhost:/share {tmp_path} nfs4 rw 0 0\n")
    monkeypatch.setattr(file_systems, "MOUNTS", mounts)
    assert main(["history", "migrate"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "history.db is on a network file system (nfs4)" in line
    assert "RENDERQ_HISTORY_URL" in line
    assert not (tmp_path / "history.db").exists()


def test_help_does_not_load_the_database_libraries() -> None:
    script = (
        "import sys; from renderq.cli import main; main(['--help']); main(['history', '--help'])\n"
        "sys.exit('sqlalchemy' in sys.modules or 'alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "migrate" in done.stdout


def test_without_the_extra_the_command_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['sqlalchemy'] = None\n"
        "from renderq.cli import main; sys.exit(main(['history', 'migrate']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "renderq: `renderq history migrate` needs sqlalchemy, which is not installed: pip install 'renderq[all]'\n"
    )

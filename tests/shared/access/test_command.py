"""`renderq keys` on a real server: output, choice of the server, refused arguments."""

import json
from pathlib import Path

import pytest

from renderq.cli import main
from renderq_shared.access import KeyStore, parse_key
from renderq_shared.local.embedded_redis import EmbeddedRedis
from tests.redis_refusals import missing_replicas


@pytest.fixture(autouse=True)
def _environment(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENDERQ_REDIS_URL", redis_url)
    monkeypatch.setenv("RENDERQ_DATA", str(tmp_path / "data"))


def test_create_prints_the_key_alone_and_list_shows_the_rest(
    keys: KeyStore, capsys: pytest.CaptureFixture[str]
) -> None:
    options = "--tenant ada --role admin --weight 2.5 --rate 60 --max-queued-jobs 9 --expires 30d"
    assert main(["keys", "create", "my laptop", *options.split()]) == 0
    printed = capsys.readouterr()
    key = parse_key(printed.out.strip())
    assert key is not None
    assert key.text not in printed.err
    [stored] = keys.read().keys or ()
    assert key.matches(stored.digest)
    assert stored.requests_per_minute == 60
    assert (stored.name, stored.tenant, stored.role, stored.weight, stored.max_queued_jobs) == (
        "my laptop",
        "ada",
        "admin",
        2.5,
        9,
    )
    assert stored.expires_ms == stored.created_ms + 30 * 86_400_000
    assert main(["keys", "list"]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split()[:4] == ["ID", "NAME", "TENANT", "ROLE"]
    assert row.startswith(f"{key.id}  my laptop  ada     admin  2.5     60          9 ")
    assert row.endswith("live")
    assert key.text not in row


def test_json_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "create", "ci", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["key"].startswith(made["id"])
    assert main(["keys", "revoke", made["id"], "--json"]) == 0
    [revoked] = json.loads(capsys.readouterr().out)
    assert main(["keys", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [revoked]
    assert (revoked["state"], revoked["tenant"], revoked["role"]) == ("revoked", "default", "user")
    assert "key" not in revoked
    assert "digest" not in revoked


def test_revoking_the_last_key_says_what_that_means(keys: KeyStore, capsys: pytest.CaptureFixture[str]) -> None:
    main(["keys", "create", "one"])
    main(["keys", "create", "two"])
    first, last = [key.id for key in keys.read().keys or ()]
    capsys.readouterr()
    assert main(["keys", "revoke", first]) == 0
    assert capsys.readouterr() == (f"{first}  revoked\n", "")
    assert main(["keys", "revoke", last]) == 0
    assert "requests are refused" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("revoke rq_0123456789", "unknown key rq_0123456789"),
        ("revoke laptop", "laptop is not a key id"),
        ("reset", "--yes"),
        ("list --data /nonexistent", "no `renderq up` is running on /nonexistent"),
        ("list --redis-url http://x", "RENDERQ_REDIS_URL must start with redis://"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    arguments: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", *arguments.split()]) == 2
    [line] = [line for line in capsys.readouterr().err.splitlines() if "no valid key" not in line]
    assert words in line


@pytest.mark.parametrize(
    "options",
    [
        "--tenant a:b",
        "--tenant .a",
        "--role root",
        "--weight 0",
        "--weight 1e3",
        "--weight 101",
        "--max-queued-jobs 0",
        "--expires 5",
        "--expires 0d",
        "--expires 5s",
    ],
)
def test_bad_options_are_refused(options: str, keys: KeyStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "create", "x", *options.split()]) == 2
    assert "takes" in capsys.readouterr().err or "root" in options
    assert not keys.read().keys


def test_a_server_that_is_away_is_3_and_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "list", "--redis-url", "redis://127.0.0.1:1/0"]) == 3
    assert "renderq up" in capsys.readouterr().err


def test_finds_the_server_of_renderq_up_by_its_data_folder(
    keys: KeyStore, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RENDERQ_REDIS_URL")
    server = EmbeddedRedis.create(tmp_path / "data" / "redis", durable=False)
    server.publish_url()
    address = tmp_path / "data" / "redis" / "address"
    assert address.stat().st_mode & 0o777 == 0o600
    assert EmbeddedRedis.read_url(server.folder) == server.url
    address.write_text(redis_url)  # one that does run
    assert main(["keys", "create", "x"]) == 0
    assert len(keys.read().keys or ()) == 1
    monkeypatch.setenv("RENDERQ_REDIS_URL", "redis://127.0.0.1:1/0")
    assert main(["keys", "create", "y", "--data", str(tmp_path / "data")]) == 0
    assert main(["keys", "create", "z"]) == 3
    server.remove_url()
    assert EmbeddedRedis.read_url(server.folder) is None
    assert main(["keys", "list", "--data", str(tmp_path / "data")]) == 2


def test_reset_forgets_all(keys: KeyStore) -> None:
    main(["keys", "create", "x"])
    assert main(["keys", "reset", "--yes"]) == 0
    assert keys.read().version is None


def test_a_server_that_refuses_is_not_asked_for_whether_it_runs(
    redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with missing_replicas(redis_url):
        assert main(["keys", "create", "ada"]) == 3
    err = capsys.readouterr().err
    assert "NOREPLICAS" in err
    assert "Is it running" not in err

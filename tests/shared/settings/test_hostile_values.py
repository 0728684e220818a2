"""Every setting of every process with values that nobody should set: harmless, or refused in one line."""

import math
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kombu.utils.url import parse_url

from renderq_shared.errors import SettingsInvalid
from renderq_shared.redis.clients import async_client, celery_url, sync_client
from renderq_shared.settings import ApiSettings, LocalSettings

NUMBERS = """-1 -0 0 1e-9 1e-320 inf -inf Infinity nan NaN 1e308 3.5 999999999999 100000000000000000000 4294967296
1,2 5,5 1,-1 1,inf 1;2 1e5 1,1,1, ٣ ² １ true none null None [] {} , ,, a,,b"""
PATHS = """~ ~/x ~nobody-of-this-name/x folder:~nobody-of-this-name folder:~/x folder: ../..
/dev/null /nonexistent/x C:\\x
s3:// s3://b/../c s3://b//c S3://b file:///x"""
URLS = """example.com ftp://x http:// https:// http:///x http://[ http://[::1 http://a:0 http://a:99999 http://a:b
http://u:p@a http://a?x http://a#x http://é.example http://a..b //a http://a/v1 http://a/../b http://a//b http://a/%2e
HTTP://A/B/ https://render.example:8443/rq redis:// redis://h/abc redis://h/-1 redis://h/99999999999999999999 redis://h/0/1
redis://h:x/0 redis://h:99999/0 redis://a..b/0 redis://h?db=1 redis://h/0?socket_timeout=x redis://h/٣ redis://[::1
redis+socket:// redis+socket:///s?virtual_host=x redis+sentinel://h redis+sentinel://h:99999/m
redis+sentinel://h/m/99999999999 unix:///s"""
NAMES = """text 0.0.0.0/0 1.2.3.4/33 10.0.0.1/8 ::/0 1.2.3.4:80 [::1] ::1 a..b localhost tpu cuda: cuda:-1 cuda:99999
simulated: simulated:nan simulated:-1 simulated:1e9 simulated:20 whsec_ whsec_AAAA whsec_é"""
TEXTS = ["", " ", "\t", "''", '""', "'", '"', "a b", "http://a b", "x\ny", "x\r", "\x1b[31m", "\udcff"]
LONG = ["9" * 5_000, "é" * 300, "x" * 64, "x" * 10_000, "1," * 20 + "1"]
HOSTILE = [*TEXTS, *LONG, *(value for group in (NUMBERS, PATHS, URLS, NAMES) for value in group.split())]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("RENDERQ_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    return tmp_path


@pytest.mark.parametrize("name", LocalSettings.model_fields)
def test_every_value_is_harmless_or_refused_in_one_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variable, accepted = f"RENDERQ_{name.upper()}", set[str]()
    for value in HOSTILE:
        monkeypatch.setenv(variable, value)
        try:
            settings = LocalSettings.from_options({})
        except SettingsInvalid as error:
            assert_one_line(str(error), variable, value)
        else:
            accepted.add(value)
            assert_harmless(name, settings)
    assert accepted >= {"", " ", "\t", "''", '""'}, "an empty value leaves a setting at its default"
    assert not accepted & {"x\ny", "\x1b[31m", "\udcff"}


def assert_one_line(message: str, variable: str, value: str) -> None:
    assert message.isprintable(), (variable, value)
    assert message.startswith(f"{variable} "), (variable, value, message)
    assert len(message) < 400, (variable, value)
    assert "pydantic" not in message
    assert "Error" not in message


def assert_harmless(name: str, settings: LocalSettings) -> None:
    """Evaluate what the processes compute from this setting."""
    value = getattr(settings, name)
    if isinstance(value, int | float):
        assert math.isfinite(value)
        assert 0 <= value <= 10**10
        if name.endswith("_seconds"):
            assert datetime.now(UTC) + timedelta(seconds=value)
    match name:
        case "data" | "models" | "store":
            paths = (settings.data, settings.models, settings.store_folder)
            assert not [path for path in paths if path and re.search("~|://|.{1000}", str(path))]
        case "redis_url":
            database = parse_url(celery_url(value).partition(";")[0])["virtual_host"]
            assert database in {None, "", "/", "0"}
            sync_client(value).close()
            async_client(value)
        case "public_url":
            assert re.fullmatch(r"https?://[\w.:]+(/[\w.]+)*/", settings.public_base_url, re.ASCII)
        case "webhook_secrets":
            assert all(settings.webhook_keys)
        case "webhook_delays":
            assert all(0 <= delay <= 10**7 for delay in settings.webhook_delays_s)
        case "trusted_proxies":
            assert bool(settings.trusted_networks) == (value != "none")
        case "egress_allow":
            assert isinstance(settings.egress_networks, tuple)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("LEASE_SECONDS", "inf", "must be a number from 0.25 to 86400 (got 'inf')"),
        ("PORT", "70000", "must be a whole number from 0 to 65535 (got '70000')"),
        ("JOB_RETENTION_SECONDS", "999999999999", "from 0 to 3153600000; 0 means forever (got '999999999999')"),
        ("KEYS", "yes", "must be auto or required (got 'yes')"),
        ("LOG_LEVEL", "trace", "must be debug, info, warning or error (got 'trace')"),
        ("REDIS_URL", "redis://host/abc", "must name the database by its number, as in redis://HOST:PORT/3"),
        ("PUBLIC_URL", "ftp://x", "must be a URL such as https://render.example.com"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "such as 10.0.0.0/8; bits beyond the prefix must be 0 (got '10.0.0.1/8')"),
        ("WORKER_MODELS", ",", "names no model; leave it out to serve the whole catalog"),
        ("DATA", "a\nb", "must be UTF-8 text without line breaks and other control characters"),
    ],
)
def test_the_line_says_what_was_expected(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(f"RENDERQ_{variable}", value)
    with pytest.raises(SettingsInvalid) as refused:
        LocalSettings.from_options({})
    assert str(refused.value).startswith(f"RENDERQ_{variable} ")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("REDIS_URL", "redis://:hunter2@host/abc"),
        ("REDIS_URL", "redis://host/abc?password=hunter2"),
        ("WEBHOOK_SECRETS", "hunter2"),
        ("PUBLIC_URL", "https://me:hunter2@host"),
        ("WEBHOOK_SECRETS", "hunter2\n2"),
    ],
)
def test_a_secret_is_not_printed(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(f"RENDERQ_{variable}", value)
    with pytest.raises(SettingsInvalid) as refused:
        ApiSettings.from_options({})
    assert "hunter2" not in str(refused.value)


def test_all_errors_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "LEASE_SECONDS", "DEVICE"):
        monkeypatch.setenv(f"RENDERQ_{name}", "x")
    with pytest.raises(SettingsInvalid) as refused:
        LocalSettings.from_options({})
    assert {line.split()[0] for line in str(refused.value).splitlines()} == {
        "RENDERQ_PORT",
        "RENDERQ_LEASE_SECONDS",
        "RENDERQ_DEVICE",
    }


def test_quotes_spaces_and_tildes_of_environment_files_are_understood(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {
        "PORT": " 81 ",
        "DATA": "'~/data'",
        "MODELS": '"~/models.toml"',
        "STORE": "'folder:~/x y'",
        "KEYS": "required\n",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"RENDERQ_{name}", value)
    settings = ApiSettings.from_options({})
    assert (settings.port, settings.keys) == (81, "required")
    assert (settings.data, settings.models, settings.store_folder) == (
        home / "data",
        home / "models.toml",
        home / "x y",
    )


def test_a_user_without_a_home_folder_is_told_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    with pytest.raises(SettingsInvalid, match=r"RENDERQ_DATA must be a path; the home folder that ~ names is unknown"):
        ApiSettings.from_options({})


@pytest.mark.parametrize("command", ["api", "worker", "up", "keys list", "jobs restore", "models check", "models pull"])
def test_every_command_ends_with_code_2_and_one_line(home: Path, command: str) -> None:
    environment = {**os.environ, "RENDERQ_LEASE_SECONDS": "inf", "RENDERQ_DATA": str(home)}
    ended = subprocess.run(
        [sys.executable, "-m", "renderq", *command.split()], env=environment, capture_output=True, text=True, timeout=60
    )
    [line] = ended.stderr.splitlines()
    assert (ended.returncode, ended.stdout) == (2, "")
    assert line.startswith("renderq")
    assert "RENDERQ_LEASE_SECONDS must be a number from 0.25 to 86400 (got 'inf')" in line

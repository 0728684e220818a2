"""The examples of docs/guides/reverse-proxy.md, run by a real nginx and a real Caddy in front of a real API."""

import io
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from PIL import Image

from renderq import Client
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from renderq_shared.redis.clients import sync_client
from renderq_shared.settings import ApiSettings
from tests.api.running_api import RunningApi
from tests.api.worker import IMAGE_BYTES, Worker
from tests.polling import wait_until
from tests.tls import self_signed
from tests.valkey_server import Valkey

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "reverse-proxy.md"
PROGRAMS = {"nginx": ("nginx", "nginx-light"), "caddy": ("caddy", "caddy")}
"""Language of the example → program and Debian package."""


def example(language: str, number: int) -> str:
    """Return the page's first (0) or second (1) example, which has a path prefix."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[number]


def nginx(folder: Path, config: str, port: int, key: Path, certificate: Path) -> list[str]:
    server = re.sub(r"listen 443", f"listen 127.0.0.1:{port}", config)
    server = re.sub(r"server_name \S+;", "server_name localhost;", server)
    server = re.sub(r"(ssl_certificate_key) \S+;", rf"\1 {key};", server)
    server = re.sub(r"(ssl_certificate) \S+;", rf"\1 {certificate};", server)
    folders = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""  # others cannot enter the folder
    head = f"{user} daemon off; pid {folder}/pid; error_log stderr; events {{}}"
    main = f"{head}\nhttp {{\naccess_log off;\n{folders}{server}}}\n"
    (folder / "nginx.conf").write_text(main)
    return ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def caddy(folder: Path, config: str, port: int, key: Path, certificate: Path) -> list[str]:
    site = re.sub(r"^\S+ \{", f"https://localhost:{port} {{\ntls {certificate} {key}\n", config)
    (folder / "Caddyfile").write_text("{\nadmin off\nauto_https disable_redirects\n}\n" + site)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


COMMANDS: dict[str, Callable[[Path, str, int, Path, Path], list[str]]] = {"nginx": nginx, "caddy": caddy}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture(params=["nginx", "caddy"])
def program(request: pytest.FixtureRequest) -> str:
    name, package = PROGRAMS[request.param]
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed: apt-get install {package}")
    return request.param


@pytest.fixture
def resources() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    key, certificate = self_signed(tmp_path, "DNS:localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return key, certificate


def start(
    program: str, folder: Path, upstream: str, number: int, certificate: tuple[Path, Path], resources: ExitStack
) -> str:
    """Run an example in front of `upstream`; return the URL for clients, with its path prefix."""
    port = free_port()
    config = example(program, number).replace("127.0.0.1:8400", upstream.removeprefix("http://"))
    command = COMMANDS[program](folder, config, port, *certificate)
    log = resources.enter_context((folder / "proxy.log").open("w"))
    home = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    process = subprocess.Popen(command, stdout=log, stderr=log, env=home)
    resources.callback(process.wait)
    resources.callback(process.terminate)

    def is_up() -> bool:
        assert process.poll() is None, (folder / "proxy.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(is_up)
    return f"https://localhost:{port}" + ("/render" if number else "")


@pytest.mark.parametrize("has_public_url", [False, True], ids=["headers", "public-url"])
@pytest.mark.parametrize("number", [0, 1], ids=["root", "prefix"])
def test_the_client_works_through_the_proxy(
    program: str,
    number: int,
    has_public_url: bool,
    tmp_path: Path,
    valkey: Valkey,
    redis_url: str,
    certificate: tuple[Path, Path],
    resources: ExitStack,
) -> None:
    """Submission, events, images, large uploads; all addresses lead back through the proxy."""
    settings = {"data": tmp_path, "redis_url": redis_url, "port": free_port()}
    url = start(program, tmp_path, f"http://127.0.0.1:{settings['port']}", number, certificate, resources)
    public_url = {"public_url": url} if has_public_url else {}
    api = resources.enter_context(RunningApi(ApiSettings(**settings, **public_url)))
    redis = resources.enter_context(sync_client(redis_url))
    worker = Worker(RedisJobStore(redis), FolderStore(api.settings.store_folder))
    worker.register()
    client = resources.enter_context(Client(url))

    job = client.submit("a red circle")
    stream = job.events()
    first = next(stream)
    worker.finish(worker.claim())
    *_, last = stream
    assert (first.job.status, last.job.status) == ("queued", "succeeded")
    done = job.wait(timeout=30)
    [image] = client.images(done)
    assert image.bytes() == IMAGE_BYTES
    named = [done.urls.self, done.urls.events, done.outputs[0].url, done.outputs[0].signed_url]
    assert [address for address in named if not str(address).startswith(f"{url}/v1/")] == []
    http = resources.enter_context(httpx2.Client())
    assert http.get(str(done.outputs[0].signed_url)).content == IMAGE_BYTES
    assert http.get(f"{url}/openapi.json").json()["servers"] == [{"url": url}]

    noise = io.BytesIO()
    Image.frombytes("RGB", (1024, 1024), os.urandom(3 << 20)).save(noise, "PNG")
    asset = client.assets.upload(noise.getvalue())
    assert str(asset.url).startswith(f"{url}/v1/assets/")
    assert http.get(str(asset.url)).status_code == 302


def test_a_client_cannot_choose_the_address_through_the_proxy(
    program: str,
    tmp_path: Path,
    redis_url: str,
    certificate: tuple[Path, Path],
    resources: ExitStack,
) -> None:
    api = resources.enter_context(RunningApi(ApiSettings(data=tmp_path, redis_url=redis_url, port=0)))
    url = start(program, tmp_path, api.url, 0, certificate, resources)
    http = resources.enter_context(httpx2.Client(base_url=url))
    spoofed = {
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Port": "666",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "host=evil.example",
    }
    response = http.post("/v1/jobs", json={"prompt": "x"}, headers=spoofed)
    assert response.json()["urls"]["self"].startswith(f"{url}/v1/jobs/"), response.text


def test_without_keys_the_proxy_does_not_serve_other_machines(
    program: str, tmp_path: Path, redis_url: str, certificate: tuple[Path, Path], resources: ExitStack
) -> None:
    api = resources.enter_context(RunningApi(ApiSettings(data=tmp_path, redis_url=redis_url, port=0)))
    url = start(program, tmp_path, api.url, 0, certificate, resources)
    http = resources.enter_context(httpx2.Client(base_url=url))
    assert http.get("/v1/jobs").status_code == 200
    forwarded = http.get("/v1/jobs", headers={"X-Forwarded-For": "9.9.9.9"})
    assert forwarded.status_code == {"nginx": 403, "caddy": 200}[program], "Caddy replaces what clients send"

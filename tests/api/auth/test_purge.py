"""Admins delete the data of a tenant, by HTTP, the client and the command line; users may not."""

import asyncio
import json
import subprocess

import pytest

from renderq import AsyncClient, Client, Forbidden, NotFound
from renderq_shared.access import KeyStore, Role
from tests.api.auth.conftest import ClientOf, make_key
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.polling import wait_until
from tests.shared.renderq.cli.cli_process import run


@pytest.mark.parametrize("method", ["DELETE", "GET"])
def test_users_may_not_even_their_own(client_of: ClientOf, method: str) -> None:
    for tenant in ("ada", "bob"):
        problem(client_of("ada").request(method, f"/v1/tenants/{tenant}/data"), "forbidden")
    problem(client_of("root", role=Role.ADMIN).get("/v1/tenants/ada/data"), "not_found")


def test_from_the_clients(keyed_api: RunningApi, client_of: ClientOf, keys: KeyStore) -> None:
    client_of("ada").post("/v1/jobs", json={"prompt": "x"})
    admin = make_key(keys, "admin", role=Role.ADMIN)
    with Client(keyed_api.url, admin) as client:
        assert client.tenants.purge("ada").tenant == "ada"
        assert wait_until(lambda: client.tenants.get_purge("ada").completed_at)
        assert client.tenants.get_purge("ada").jobs == 1

    async def purge() -> int:
        async with AsyncClient(keyed_api.url, admin) as client:
            await client.tenants.purge("bob")
            return (await client.tenants.get_purge("bob")).jobs

    assert asyncio.run(purge()) == 0
    user = make_key(keys, "user", tenant="ada")
    with Client(keyed_api.url, user) as client, pytest.raises(Forbidden, match="role admin"):
        client.tenants.purge("ada")
    with Client(keyed_api.url, admin) as client, pytest.raises(NotFound):
        client.tenants.get_purge("carol")


def test_from_the_command_line_after_a_confirmation(keyed_api: RunningApi, client_of: ClientOf, keys: KeyStore) -> None:
    ada = client_of("ada")
    for _ in range(2):
        ada.post("/v1/jobs", json={"prompt": "x"})
    environment = {"RENDERQ_URL": keyed_api.url, "RENDERQ_API_KEY": make_key(keys, "admin", role=Role.ADMIN)}

    def purge(*options: str, answer: str = "") -> subprocess.CompletedProcess[str]:
        return run("tenants", "purge", "ada", *options, env=environment, input=answer)

    refused = purge(answer="n\n")
    assert (refused.returncode, refused.stdout) == (4, "")
    assert refused.stderr.endswith("renderq tenants purge: nothing was deleted\n")
    assert len(ada.get("/v1/jobs").json()["data"]) == 2
    done = purge(answer="y\n")
    assert (done.returncode, done.stdout) == (0, "ada: deleted; jobs: 2, uploads: 0\n"), done.stderr
    again = purge("--yes", "--json")
    assert (json.loads(again.stdout)["jobs"], again.stderr) == (0, "")
    nobody = run("tenants", "purge", "nobody", "--yes", env=environment)
    assert (nobody.returncode, nobody.stdout) == (0, "nobody: there were no jobs and no uploads\n")

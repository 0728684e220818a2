"""Who may scrape the API's metrics."""

import httpx2

from renderq_shared.access import Role
from tests.api.auth.conftest import ClientOf
from tests.api.problems import problem
from tests.scrape import value


def test_only_admins_scrape(client_of: ClientOf, anonymous: httpx2.Client) -> None:
    assert "Authorization: Bearer" in problem(anonymous.get("/metrics"), "unauthorized")["detail"]
    problem(client_of("ada").get("/metrics"), "forbidden")
    page = client_of("ops", role=Role.ADMIN).get("/metrics")
    assert page.status_code == 200
    assert value(page.text, "renderq_auth_failed_total") >= 1

"""Internal errors: a 500 response without details except the request id."""

import httpx2
import pytest

from renderq_shared.catalog import Catalog
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.running_api import RunningApi


def test_fault_is_a_problem_without_its_cause(
    settings_for: SettingsFor, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fault(*_: object) -> None:
        raise RuntimeError("the inner secret")

    with RunningApi(settings_for()) as api, api.client() as http:
        monkeypatch.setattr(Catalog, "get", fault)
        response: httpx2.Response = http.get("/v1/models/shapes")
        document = problem(response, "internal_error")
        assert "secret" not in response.text
        monkeypatch.undo()
        assert http.get("/v1/models/shapes").status_code == 200
    log = capfd.readouterr().out
    assert "the inner secret" in log
    assert document["request_id"] in log

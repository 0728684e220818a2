"""A fault of the service: a 500 that tells the client nothing but where to look."""

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
        answer: httpx2.Response = http.get("/v1/models/shapes")
        document = problem(answer, "internal_error")
        assert "secret" not in answer.text
        monkeypatch.undo()
        assert http.get("/v1/models/shapes").status_code == 200
    log = capfd.readouterr().out
    assert "the inner secret" in log
    assert document["request_id"] in log

"""One record is one line for any values."""

import json
import logging

import pytest
import structlog

from renderq_shared.logs import configure_logging, escape, flush_logs
from renderq_shared.settings import SharedSettings

FORGED = "x\n2026-01-31T12:00:00Z [error    ] forged\r\x1b[31m\u2028\u202e"


@pytest.fixture(autouse=True)
def restored_logging() -> object:
    root = logging.getLogger()
    original = (root.handlers[:], root.level, structlog.get_config())
    yield
    root.handlers, root.level = original[0], original[1]
    structlog.configure(**original[2])


def log_all(log_format: str) -> None:
    configure_logging(SharedSettings.model_validate({"log_format": log_format}), "api")
    log = structlog.get_logger("test")
    log.info(FORGED, value=FORGED, nested=[{FORGED: FORGED}])
    logging.getLogger("library").warning("received %s", FORGED)
    try:
        raise ValueError(FORGED)
    except ValueError:
        log.exception("failed")
    flush_logs()


def test_json_has_one_object_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    log_all("json")
    records = [json.loads(line) for line in capsys.readouterr().err.split("\n") if line]
    assert [record["level"] for record in records] == ["info", "warning", "error"]
    assert {record["process"] for record in records} == {"api"}
    assert records[0]["value"] == FORGED
    assert "ValueError" in records[2]["exception"]


def test_console_lines_cannot_be_forged(capsys: pytest.CaptureFixture[str]) -> None:
    log_all("console")
    text = capsys.readouterr().err
    assert not {"\x1b", "\r", "\u2028", "\u202e"} & set(text)
    first_lines = [line for line in text.split("\n") if line and not line.startswith("    ")]
    assert len(first_lines) == 3
    assert not any(line.startswith("2026-01-31") for line in first_lines)


def test_level_follows_the_setting(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(SharedSettings(log_format="json", log_level="warning"), "worker")
    structlog.get_logger("test").info("quiet")
    logging.getLogger("uvicorn.error").info("quiet")
    structlog.get_logger("test").warning("loud")
    flush_logs()
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["loud"]


def test_a_connection_that_fails_after_its_timeout_has_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(SharedSettings(log_format="json"), "api")
    for error in (ConnectionResetError("gone"), RuntimeError("a fault")):
        logging.getLogger("asyncio").error("Future exception was never retrieved", exc_info=error)
    flush_logs()
    lost, fault = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert "exception" not in lost
    assert "RuntimeError: a fault" in fault["exception"]


def test_ordinary_text_stays_as_it_is() -> None:
    assert escape("ein Kreis \U0001f534, 50 %") == "ein Kreis \U0001f534, 50 %"
    assert escape("a\nb\x1b") == "a\\nb\\x1b"

"""`renderq jobs restore`: a history that the service does not use."""

from pathlib import Path

import pytest

from renderq.cli import main
from renderq_shared.jobs import commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.redis.clients import sync_client
from tests.shared.history_commands.conftest import archive, read_id


def test_a_history_that_the_service_does_not_use_is_named(
    tmp_path: Path, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path}/history.db"
    archive(url, [])
    with sync_client(redis_url) as client:
        store = RedisJobStore(client)
        store.call(commands.register_api("a:1", read_id(url), 30_000))
        assert main(["jobs", "restore", "--history-url", url]) == 0
        assert capsys.readouterr() == ("0 restored, 0 already known, 0 unreadable\n", "")
        assert main(["jobs", "restore", "--history-url", f"sqlite:///{tmp_path}/other.db"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "0 restored, 0 already known, 0 unreadable\n"
    assert printed.err.startswith("renderq jobs restore: the API process a:1 uses another history, without these jobs")

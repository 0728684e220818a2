"""Client input cannot forge log lines or terminal colors."""

import re
from pathlib import Path

from tests.api.api_process import ApiProcess

FORGED = "2026-01-31T12:00:00Z [error    ] forged"


def test_no_request_forges_a_line_of_the_log(redis_url: str, tmp_path: Path) -> None:
    with ApiProcess(tmp_path, redis_url, log_format="console", log_level="debug") as process, process.client() as http:
        path = f"/v1/jobs/%0a{FORGED}%0d%1b[31m%e2%80%a8%e2%80%ae"
        http.get(path, headers={"X-Request-Id": f"a {FORGED}", "User-Agent": FORGED})
        metadata = {"k": f"\n{FORGED}\x1b[31m"}
        for model in (f"\n{FORGED}", "shapes"):
            http.post("/v1/jobs", json={"prompt": f"\n{FORGED}", "metadata": metadata, "model": model})
        http.get("/healthz", headers={"X-Request-Id": "the-last-one"})
        log = process.wait_for_log("the-last-one")
    assert FORGED in log, "the forged text was not logged at all"
    assert not re.search(r"^2026-01-31", log, re.MULTILINE)
    assert not re.search("[\x1b\r\u2028\u202e]", log)

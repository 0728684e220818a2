"""Rules and dashboard for Prometheus and Grafana: valid, tested, and about metrics that exist."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.deploy_files import DEPLOY, ROOT

MONITORING = DEPLOY / "monitoring"
RULES = MONITORING / "renderq.rules.yml"
DOCUMENTED = set(re.findall(r"\| `(renderq_\w+)`", (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")))
ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
NAMES = [rule["alert"] for rule in ALERTS]


def metrics_in(expression: str) -> set[str]:
    """Return the names in an expression, those of histograms without their suffix."""
    names = set(re.findall(r"renderq_\w+", expression))
    return {name if name in DOCUMENTED else re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


def promtool(*arguments: str) -> str:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed; Debian has it in the package prometheus")
    ran = subprocess.run(["promtool", *arguments], cwd=MONITORING, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_prometheus_accepts_rules_and_configuration() -> None:
    assert f"{len(NAMES)} rules found" in promtool("check", "rules", RULES.name)
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml")


def test_each_alert_fires_when_it_should_and_not_otherwise() -> None:
    promtool("test", "rules", "renderq.rules.test.yml")
    cases = [case["name"] for case in yaml.safe_load((MONITORING / "renderq.rules.test.yml").read_text())["tests"]]
    assert sorted(cases) == sorted(f"{name} {verb}" for name in NAMES for verb in ("fires", "does not fire"))


@pytest.mark.parametrize("rule", ALERTS, ids=NAMES)
def test_alerts_are_about_metrics_that_exist_and_the_guide_says_what_to_do(rule: dict) -> None:
    assert metrics_in(rule["expr"]) <= DOCUMENTED
    guide = (ROOT / "docs" / "guides" / "monitoring.md").read_text(encoding="utf-8")
    assert f"| `{rule['alert']}` |" in guide
    assert rule["labels"]["severity"] in {"critical", "warning"}


def test_the_dashboard_shows_all_metrics_and_no_others() -> None:
    dashboard = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    shown = set().union(*(metrics_in(target["expr"]) for panel in panels for target in panel["targets"]))
    assert shown == DOCUMENTED
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert all(panel["description"] for panel in panels)


def test_queries_of_the_dashboard_are_valid(tmp_path: Path) -> None:
    dashboard = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    # Grafana replaces its variables before it asks Prometheus.
    queries = [query.replace("$__rate_interval", "1m").replace("$model", ".*") for query in queries]
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    path = tmp_path / "queries.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(queries)} rules found" in promtool("check", "rules", str(path))

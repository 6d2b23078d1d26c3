"""The alert rules, run by Prometheus' own tool: each fires when it should, and is silent when all is well."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.docs.pages import PROJECT

RULES: Final = PROJECT / "docs/operations/alerts.yaml"
STEPS: Final = 120  # minutes
STORE: Final = 'instance="a", tenant="acme", store="us"'
SINK: Final = 'instance="a", tenant="acme", sink="crm"'
TENANT: Final = 'instance="a", tenant="acme"'

WELL: Final = {
    'up{job="syncd", instance="a"}': "1",
    'syncd_ledger_answers{instance="a"}': "1",
    'syncd_ledger_units_failed_total{instance="a"}': "7",
    'syncd_ledger_queue_units{instance="a", lane="live"}': "3",
    'syncd_ledger_wal_bytes{instance="a"}': "64000000",
    'syncd_state_free_bytes{instance="a"}': "9000000000",
    'syncd_config_valid{instance="a"}': "1",
    f"syncd_tenant_config_valid{{{TENANT}}}": "1",
    f"syncd_tenant_runs{{{TENANT}}}": "1",
    f"syncd_store_fresh{{{STORE}}}": "1",
    f"syncd_store_paused{{{STORE}}}": "0",
    f"syncd_store_brake{{{STORE}}}": "0",
    f"syncd_erp_fresh{{{TENANT}}}": "1",
    f"syncd_move_doubt_age_seconds{{{TENANT}}}": "90",
    f"syncd_quarantine_entries{{{STORE}}}": "0",
    f"syncd_drift_open{{{STORE}}}": "0",
    f"syncd_webhooks_alive{{{STORE}}}": "1",
    f"syncd_webhooks_turned_away_total{{{STORE}}}": "40",
    f"syncd_sink_oldest_seconds{{{SINK}}}": "300",
    f'syncd_sink_outcomes_total{{{SINK}, outcome="arrived"}}': "0+9",
    f'syncd_sink_outcomes_total{{{SINK}, outcome="failed"}}': "0+9",
    f'syncd_sink_outcomes_total{{{SINK}, outcome="dropped"}}': "7",
    f"syncd_quota_limit_requests{{{STORE}}}": "450",
    f"syncd_quota_remaining_requests{{{STORE}}}": "300",
}
"""Series by their value, which stays."""
BAD: Final[dict[str, dict[str, str]]] = {
    "SyncdDown": {'up{job="syncd", instance="a"}': "0"},
    "SyncdLedgerSilent": {'syncd_ledger_answers{instance="a"}': "0"},
    "SyncdLedgerUnwritable": {'syncd_ledger_units_failed_total{instance="a"}': "0+2"},
    "SyncdLedgerLogGrows": {'syncd_ledger_wal_bytes{instance="a"}': "300000000"},
    "SyncdDiskFillsUp": {'syncd_state_free_bytes{instance="a"}': "400000000"},
    "SyncdConfigBroken": {f"syncd_tenant_config_valid{{{TENANT}}}": "0"},
    "SyncdConfigUnusable": {'syncd_config_valid{instance="a"}': "0"},
    "SyncdTenantDown": {f"syncd_tenant_runs{{{TENANT}}}": "0", f"syncd_tenant_config_valid{{{TENANT}}}": "0"},
    "SyncdStoreStale": {f"syncd_store_fresh{{{STORE}}}": "0"},
    "SyncdStoreBrake": {f"syncd_store_brake{{{STORE}}}": "1"},
    "SyncdErpUnreachable": {f"syncd_erp_fresh{{{TENANT}}}": "0"},
    "SyncdMoveInDoubt": {f"syncd_move_doubt_age_seconds{{{TENANT}}}": "2000"},
    "SyncdQuarantineHeld": {f"syncd_quarantine_entries{{{STORE}}}": "5"},
    "SyncdDriftUnexplained": {f"syncd_drift_open{{{STORE}}}": "1"},
    "SyncdWebhookDisabled": {f"syncd_webhooks_alive{{{STORE}}}": "0"},
    "SyncdWebhooksTurnedAway": {f"syncd_webhooks_turned_away_total{{{STORE}}}": "0+9"},
    "SyncdSinkBehind": {f"syncd_sink_oldest_seconds{{{SINK}}}": "4000"},
    "SyncdSinkLoses": {f'syncd_sink_outcomes_total{{{SINK}, outcome="dropped"}}': "0+9"},
    "SyncdQuotaLow": {f"syncd_quota_remaining_requests{{{STORE}}}": "20"},
}
"""What makes each alert, and no other one, fire."""
PAUSED: Final = {f"syncd_store_fresh{{{STORE}}}": "0", f"syncd_store_paused{{{STORE}}}": "1"}


def rules() -> list[dict[str, str]]:
    (group,) = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return list(group["rules"])


def world(changed: dict[str, str], fires: str) -> dict[str, object]:
    """A world for promtool: two hours of these series, at whose end just the one alert fires ("" for none)."""
    values = {**WELL, **changed}
    step = {series: value if "+" in value else f"{value}+0" for series, value in values.items()}
    counts = {rule["alert"]: int(rule["alert"] == fires) for rule in rules()}
    return {
        "name": fires or "all is well",
        "interval": "1m",
        "input_series": [{"series": series, "values": f"{value}x{STEPS}"} for series, value in step.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}}) or vector(0)',
                "eval_time": f"{STEPS}m",
                "exp_samples": [{"labels": "{}", "value": count}],
            }
            for name, count in counts.items()
        ],
    }


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed here (Debian: prometheus)")
    return found


def test_each_alert_has_a_world_in_which_it_fires():
    assert list(BAD) == [rule["alert"] for rule in rules()]


def test_promtool_takes_the_rules(promtool: str):
    done = subprocess.run([promtool, "check", "rules", RULES], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_each_alert_fires_when_it_should_and_none_when_all_is_well_or_a_store_is_paused(promtool: str, tmp_path: Path):
    worlds = [world({}, ""), world(PAUSED, ""), *(world(changed, name) for name, changed in BAD.items())]
    path = tmp_path / "alerts.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": worlds}))
    done = subprocess.run([promtool, "test", "rules", path], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr

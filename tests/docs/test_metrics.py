"""The manual page of the metrics, the dashboard and the alerts name what the code shows, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from syncd.private.catalogue import METRICS, Metric
from tests.docs.pages import PROJECT

PAGE = (PROJECT / "docs/metrics.md").read_text("utf-8")
FOLDER = PROJECT / "docs/operations"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
NAME = re.compile(r"\b(?:syncd|process)_\w+")
SELECTOR = re.compile(r"\b(syncd_\w+)\{([^}]*)\}")
GROUPING = re.compile(r"(?:by|on) \(([^)]*)\)")
PROCESS = {
    "process_cpu_seconds_total", "process_open_fds", "process_resident_memory_bytes", "process_start_time_seconds",
}  # fmt: skip
UNIT_ENDS = {"seconds": "_seconds", "bytes": "_bytes"}


def shown_names() -> dict[str, Metric]:
    """Every name that a query may use."""
    found = {metric.name: metric for metric in METRICS if metric.kind != "histogram"}
    for metric in METRICS:
        if metric.kind == "histogram":
            found |= {f"{metric.name}_{end}": metric for end in ("bucket", "sum", "count")}
    return found


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((FOLDER / "alerts.yaml").read_text("utf-8"))["groups"]
    return list(group["rules"])


def queries() -> Iterator[str]:
    """Every query of dashboard and alerts."""
    board = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))
    yield from (target["expr"] for panel in board["panels"] for target in panel.get("targets", ()))
    yield from (each["query"]["query"] for each in board["templating"]["list"] if each["type"] == "query")
    yield from (rule["expr"] for rule in alerts())


def test_the_page_has_every_metric_with_its_kind_labels_and_meaning_and_none_else():
    told = {row[0]: (row[1], row[3], row[4]) for row in ROW.findall(PAGE)}
    assert told == {
        metric.name: (metric.kind, ", ".join(f"`{label}`" for label in metric.labels) or "-", metric.meaning)
        for metric in METRICS
    }


def test_names_follow_prometheus_conventions_and_the_pages_units():
    for name, kind, unit, _labels, _meaning in ROW.findall(PAGE):
        assert re.fullmatch(r"syncd_[a-z]+(_[a-z]+)*", name)
        assert name.endswith("_total") == (kind == "counter"), name
        assert not name.endswith(("_count", "_sum", "_bucket")), name
        assert name.endswith(UNIT_ENDS.get(unit, "")), name


def test_every_metric_that_dashboard_and_alerts_use_is_shown_with_the_labels_they_ask_for():
    names = shown_names()
    asked = list(queries())
    assert len(asked) > 40
    for query in asked:
        for name in NAME.findall(re.sub(r'"[^"]*"', "", query)):
            assert name in names or name in PROCESS, (name, query)
        for name, selectors in SELECTOR.findall(query):
            labels = set(re.findall(r"(\w+)(?==|!)", re.sub(r'"[^"]*"', "", selectors)))
            assert labels <= set(names[name].labels), query
        used = [names[name] for name in NAME.findall(query) if name in names]
        for group in GROUPING.findall(query):
            labels = {label.strip() for label in group.split(",")} - {"le", "instance"}
            assert all(labels <= set(metric.labels) for metric in used), query


def test_every_metric_has_a_place_on_the_dashboard_or_in_an_alert_or_is_named_here():
    """What is on no dashboard is looked at by nobody: it should have a reason."""
    names = shown_names()
    asked = {names[name].name for query in queries() for name in NAME.findall(query) if name in names}
    without = {metric.name for metric in METRICS} - asked
    assert without == {"syncd_build_info", "syncd_tenant_trouble", "syncd_store_state", "syncd_items"}


def test_every_alert_tells_what_it_means_and_what_to_do_and_no_other_is_told():
    page = (FOLDER / "README.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", page, re.MULTILINE))
    assert list(rows) == [rule["alert"] for rule in alerts()]
    for rule in alerts():
        means, do = rows[rule["alert"]].split(" | ")
        assert means
        assert do
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"].endswith(".")
        for label in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
            used = [shown_names()[name] for name in NAME.findall(rule["expr"]) if name in shown_names()]
            assert label == "instance" or all(label in metric.labels for metric in used), rule["alert"]


def test_the_dashboard_is_whole():
    board = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        assert panel["type"] == "row" or panel["targets"]

"""The numbers for people: what was measured, what was to be reached, and the ratio to the floor."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

from benchmarks.order_path import BASELINE, MOVES

TARGETS = {BASELINE: 20_000, MOVES: 12_000}
REQUESTS_RATIO_MAX = 1.05
POLL_MS_MAX = 1.0
MEMORY_MB_MAX, IDLE_MB_MAX = 100.0, 30.0
HOOKS_RATIO_MIN = 0.5
LEDGER_MS_MAX, LEVEL_MS_MAX = 50.0, 250.0
BURST_REQUESTS_MAX = 550
PER_PAGE = 100

Results = dict[str, Any]


def orders_per_cpu_second(runs: list[Results]) -> tuple[float, float]:
    """The best and the median of some runs."""
    speeds = [run["orders"] / run["cpu_seconds"] for run in runs]
    return max(speeds), median(speeds)


def requests_ratio(run: Results) -> float:
    """Requests used, whatever for, over the least that could bring so many orders."""
    least = -(-run["orders"] // PER_PAGE)
    return float(sum(run["requests"].values()) / least)


def lines(results: Results) -> Iterator[str]:
    """The report, line by line."""
    if "floor" in results:
        yield from _order_path(results)
    if "idle" in results:
        yield from _idle(results["idle"])
    if "memory" in results:
        yield from _memory(results["memory"])
    if "groups" in results:
        yield from _groups(results["groups"])
    if "hooks" in results:
        yield from _hooks(results["hooks"])
    if "reaction" in results:
        yield from _reaction(results["reaction"])
    if "burst" in results:
        yield from _burst(results["burst"])
    if "page" in results:
        yield "The page, 10,000 SKUs in three shops, 100,000 orders: milliseconds (middle, worst), kB"
        for name, told in results["page"].items():
            yield f"  {name:18} {told['middle_ms']:6.0f} {told['worst_ms']:6.0f} {told['kb']:6.0f}"
    if "documents" in results:
        yield from _documents(results["documents"])


def _documents(told: Results) -> Iterator[str]:
    orders = told["orders"]
    yield f"Requests for {orders:,} orders as whole documents, all parts wanted (asked; the least; one for each part)"
    sums = [0, 0, 0]
    for name, counts in told["parts"].items():
        yield f"  {name:14}" + "".join([f"{count:8,}" for count in counts])
        sums = [so_far + count for so_far, count in zip(sums, counts, strict=True)]
    yield f"  {'together':14}" + "".join([f"{count:8,}" for count in sums])
    yield f"  {'per order':14}" + "".join([f"{count / orders:8.2f}" for count in sums])
    yield f"  the list brought the orders themselves by {told['list']} requests; {told['others']} others"


def _order_path(results: Results) -> Iterator[str]:
    floor_best, floor_median = orders_per_cpu_second(results["floor"])
    yield "Orders per CPU second (best, median of the runs; ratio to the floor by medians)"
    yield f"  floor     {floor_best:8,.0f} {floor_median:8,.0f}"
    for kind, target in TARGETS.items():
        best, middle = orders_per_cpu_second(results[kind])
        ratio = middle / floor_median
        yield f"  {kind:9} {best:8,.0f} {middle:8,.0f}   ratio {ratio:.2f}   to reach {target:,}: {_verdict(best >= target)}"
    for kind in TARGETS:
        parts = results[f"{kind}_parts"]["parts"]
        whole = sum(parts.values())
        yield f"Where {kind}'s CPU goes: " + ", ".join(f"{name} {part / whole:.0%}" for name, part in parts.items())
    run = results[BASELINE][0]
    ratio = requests_ratio(run)
    yield f"Requests of the backfill: {sum(run['requests'].values())}, {ratio:.3f} of the least: {_verdict(ratio <= REQUESTS_RATIO_MAX)}"


def _idle(idle: Results) -> Iterator[str]:
    step = idle["step_ms"]
    yield f"Empty poll: {step:.2f} ms of CPU (below {POLL_MS_MAX:.0f}: {_verdict(step < POLL_MS_MAX)})"
    yield f"  in the reconciler, with what its timers do between two polls: {idle['reconciler_ms']:.2f} ms"
    yield f"  reading one level, each 15 minutes: {idle['level_ms']:.2f} ms"


def _memory(memory: Results) -> Iterator[str]:
    three, idle = memory["three_stores_mb"], memory["idle_mb"]
    yield f"Memory: {three:.0f} MB with three stores (below {MEMORY_MB_MAX:.0f}: {_verdict(three < MEMORY_MB_MAX)})"
    yield f"  a hundred idle stores more: {idle:+.1f} MB (below {IDLE_MB_MAX:.0f}: {_verdict(idle < IDLE_MB_MAX)})"


def _groups(groups: Results) -> Iterator[str]:
    for name, told in groups.items():
        each = told["units"] / told["commits"]
        yield (
            f"Ledger, units {name}: {told['per_second']:,.0f} a second, {told['per_cpu_second']:,.0f} a CPU second, "
            f"{each:.0f} a commit"
        )


def _hooks(hooks: Results) -> Iterator[str]:
    bare, inbox = hooks["bare"], hooks["inbox"]
    ratio = inbox["per_cpu_second"] / bare["per_cpu_second"]
    yield (
        f"Webhooks on disk before they are answered: {inbox['per_cpu_second']:,.0f} a CPU second, {ratio:.2f} of a handler "
        f"that only answers (at least {HOOKS_RATIO_MIN}: {_verdict(ratio >= HOOKS_RATIO_MIN)}); "
        f"an answer takes {inbox['wait_ms']:.0f} ms, {bare['wait_ms']:.0f} ms there, with 64 callers at once"
    )


def _reaction(pairs: Results) -> Iterator[str]:
    yield "From a store's call on, in milliseconds: median, 95th percentile (in brackets what the shops' answers take a bare client)"
    for pair, told in pairs.items():
        bare_order, bare_level = told["floor_order_ms"]["median"], told["floor_level_ms"]["median"]
        parts = []
        for name, bare, limit in (
            ("ledger", bare_order, LEDGER_MS_MAX),
            ("level", bare_order + bare_level, LEVEL_MS_MAX),
        ):
            spread = told[f"{name}_ms"]
            good = spread["median"] - bare <= limit
            parts.append(
                f"{name} {spread['median']:.0f}, {spread['p95']:.0f} ({bare:.0f}) (median below {limit:.0f}: {_verdict(good)})"
            )
        yield f"  {pair:10} " + "; ".join(parts)


def _burst(bursts: Results) -> Iterator[str]:
    for name, told in bursts.items():
        good = told["requests"] <= BURST_REQUESTS_MAX and not told["lost"]
        yield (
            f"Burst, {name}: {told['calls']:,} calls for {told['orders']} orders, {told['requests']} requests for them, "
            f"{told['lost']} lost, all counted after {told['seconds']:.1f} s: {_verdict(good)}"
        )


def _verdict(good: bool) -> str:
    return "reached" if good else "NOT reached"


def failures(results: Results) -> list[str]:
    """What is promised however fast the machine is, and was not kept."""
    found = []
    for kind in TARGETS:
        for run in results.get(kind, ()):
            if run["orders"] != run["asked"]:
                found.append(f"{kind}: {run['orders']} orders arrived, {run['asked']} were there")
            if requests_ratio(run) > REQUESTS_RATIO_MAX:
                found.append(f"{kind}: {sum(run['requests'].values())} requests")
    for name, told in results.get("burst", {}).items():
        if told["lost"]:
            found.append(f"burst, {name}: {told['lost']} orders lost that were answered with 200")
        if told["requests"] > BURST_REQUESTS_MAX:
            found.append(f"burst, {name}: {told['requests']} requests for {told['orders']} orders")
    whole = results.get("documents")
    if whole and (whole["wrong"] or whole["documents"] != whole["orders"]):
        found.append(f"documents: {whole['documents']} of {whole['orders']}, {whole['wrong']} lack what the shop has")
    return found

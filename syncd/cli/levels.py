"""`status`, `plan`, `approve`: what goes on, what would be written, and letting it be written."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import typer

from syncd.cli.options import DEFAULT_FOLDER, Folder, Json, StoreWord, TenantWord
from syncd.cli.reach import reach
from syncd.cli.say import is_terminal, print_json, print_line, print_table
from syncd.cli.watch import watch

PLAN_EPILOG = "Examples: syncd plan; syncd plan acme us --json"
APPROVE_EPILOG = "Example: syncd approve acme us"


def quiet(_told: Mapping[str, Any]) -> None:
    """For commands that tell nothing on the way."""


def status(
    tenant: TenantWord = None,
    config: Folder = DEFAULT_FOLDER,
    json: Json = False,
    again: Annotated[bool, typer.Option("--watch", "-w", help="Go on showing it, each 2 s, until Ctrl-C.")] = False,
) -> None:
    """Show what goes on: each tenant and store, what is behind, what waits for whom."""
    if again:
        show = partial(print_json, on_one_line=True) if json else _print_status
        watch(config, tenant, show, clear=is_terminal() and not json)
        return
    told = reach(config, "status", {"tenant": tenant}, quiet)
    if json:
        print_json(told)
        return
    _print_status(told)


def _print_status(told: Mapping[str, Any]) -> None:
    print_line(f"daemon: {'running' if told['running'] else 'not running'}   state: {told['state_dir']}")
    _print_configuration(told.get("configuration") or {})
    for each in told["tenants"]:
        _print_tenant(each)
    for each in told["broken"]:
        print_line(f"\ntenant {each['tenant']} does not run:", style="bold red")
        for problem in each["problems"]:
            print_line(f"  {problem}")


def _print_configuration(told: Mapping[str, Any]) -> None:
    for problem in told.get("problems", ()):
        print_line(f"the configuration can't be used, all goes on as before: {problem}", style="bold red")
    for key in told.get("needs_restart", ()):
        print_line(f"{key} has changed: that needs a restart", style="yellow")


def _print_paused(name: str, paused: Mapping[str, Any]) -> None:
    what = "no level is written" if paused["scope"] == "writes" else "nothing is read or written"
    why = f" ({paused['reason']})" if paused["reason"] else ""
    print_line(f"  {name} is paused since {paused['since']}{why}: {what}", style="yellow")


def _print_tenant(each: Mapping[str, Any]) -> None:
    erp, moves = each["erp"], each["moves"]
    print_line(f"\ntenant {each['tenant']} ({each['mode']})", style="bold")
    read = f"read {erp['behind_seconds']} s ago" if erp["behind_seconds"] is not None else "not read yet"
    print_line(
        f"  ERP {read}; moves: {moves['waiting']} waiting, {moves['sent']} under way, {moves['in_doubt']} in doubt;"
        f" quarantine: {each['quarantine']}"
    )
    if each["trouble"]:
        print_line(f"  trouble: {each['trouble']}", style="red")
    for problem in each.get("kept", ()):
        print_line(f"  runs as before, because its file can't be used: {problem}", style="red")
    if each.get("paused"):
        _print_paused("the tenant", each["paused"])
    for store in each["stores"]:
        if (store.get("paused") or {}).get("by") == "store":
            _print_paused(f"store {store['store']}", store["paused"])
    print_table(
        "",
        [
            "store",
            "state",
            "writes",
            ">behind s",
            ">items",
            ">unread",
            ">due",
            ">quarantine",
            ">drift",
            "webhooks",
            "trouble",
        ],
        [_store_row(store) for store in each["stores"]],
    )
    if each.get("sinks"):
        print_table(
            "", ["sink", ">waiting", ">oldest s", ">refused", "trouble"], [_sink_row(sink) for sink in each["sinks"]]
        )
    if each.get("stores_not_configured"):
        print_line(f"  in the ledger, not configured any more: {', '.join(each['stores_not_configured'])}")


def _store_row(store: Mapping[str, Any]) -> list[Any]:
    if "items" not in store:
        return [store["store"], store["state"], *[None] * 8, store.get("trouble")]
    drift, items = store["drift"], store["items"]
    return [
        store["store"],
        store["state"],
        store["writes"],
        store["behind_seconds"],
        items["active"],
        items["unread"],
        items["due"],
        store["quarantine"],
        f"{drift['open']} open, {drift['last_day']} today" if drift["open"] or drift["last_day"] else 0,
        _webhooks(store["webhooks"]),
        store["brake"] or store["trouble"],
    ]


def _sink_row(sink: Mapping[str, Any]) -> list[Any]:
    trouble = sink["trouble"] if sink["configured"] else "not configured any more: what waits is kept for 7 days"
    return [sink["sink"], sink["waiting"], sink["oldest_seconds"], sink["refused"], trouble]


def _webhooks(told: Mapping[str, Any] | None) -> str:
    if told is None:
        return "none"
    return ("alive" if told["alive"] else "silent") + (f", {told['waiting']} to read" if told["waiting"] else "")


def plan(
    tenant: TenantWord = None, store: StoreWord = None, config: Folder = DEFAULT_FOLDER, json: Json = False
) -> None:
    """Show what would be written to a shop now, and why, or what forbids it."""
    told = reach(config, "plan", {"tenant": tenant, "store": store}, quiet)
    if json:
        print_json(told)
        return
    if not told["running"]:
        print_line("No daemon runs: this is the plan as of what was read last, as if it were fresh.", style="yellow")
    for each in told["stores"]:
        print_plan(told["tenant"], each)


def approve(
    tenant: TenantWord = None, store: StoreWord = None, config: Folder = DEFAULT_FOLDER, json: Json = False
) -> None:
    """Approve a store's plan, or release its brake: from now on its levels are written. Shows first what will be."""

    def show(progress: Mapping[str, Any]) -> None:
        if "plan" in progress and not json:
            print_plan(tenant or "", progress["plan"])

    told = reach(config, "approve", {"tenant": tenant, "store": store}, show)
    if json:
        print_json(told)
        return
    released = f" The brake is released: {told['released_brake']}." if told["released_brake"] else ""
    print_line(f"Approved: {told['tenant']}/{told['store']} at {told['approved_at']}.{released}", style="bold green")


def print_plan(tenant: str, each: Mapping[str, Any]) -> None:
    """A store's plan as a table."""
    counts = each["counts"]
    print_line(f"\n{tenant}/{each['store']}".replace("\n/", "\n"), style="bold")
    print_line(
        f"  {counts['items']} items: {counts['to_write']} to write ({counts['raised']} raised, {counts['lowered']} lowered,"
        f" {counts['to_zero']} to 0), {counts['blocked']} blocked, {counts['agree']} agree"
    )
    if each["brake"]:
        print_line(f"  stopped by the brake: {each['brake']}", style="red")
    elif each["approved_at"] is None:
        print_line("  not approved yet: nothing is written before `syncd approve`", style="yellow")
    if each["would_brake"]:
        print_line("  so many items would fall to 0 that the brake asks for an approval", style="yellow")
    if each["items"]:
        print_table(
            "",
            ["item", "sku", "name", ">believed", ">target", ">change", "why"],
            [_plan_row(item) for item in each["items"]],
        )
    if each["items_left_out"]:
        print_line(f"  and {each['items_left_out']} more")


def believed(interval: Mapping[str, Any]) -> str:
    """`3`, `3..5`, `unread`."""
    low, high = interval["low"], interval["high"]
    if high is None:
        return "unread"
    return str(high) if low == high else f"{'?' if low is None else low}..{high}"


def _plan_row(item: Mapping[str, Any]) -> list[Any]:
    why = item["blocked"] or "; ".join(reason(target) for target in item["skus"])
    change = item["change"]
    signed = f"+{change}" if change and not change.startswith("-") and change != "0" else change
    return [item["item"], item["sku"], item["name"], believed(item["believed"]), item["shown"], signed, why]


def reason(target: Mapping[str, Any]) -> str:
    """A target and what it is made of, in one line."""
    parts = [f"ERP has {target['erp_level']}"]
    sums: dict[str, list[str]] = {}
    for term in target["terms"]:
        sums.setdefault(term["what"], []).append(f"{term['units']} ({term['order']})")
    parts += [f"{what} {', '.join(units)}" for what, units in sums.items()]
    if target["buffer"] != "0":
        parts.append(f"buffer {target['buffer']}")
    return f"{target['sku']}: {'; '.join(parts)}"

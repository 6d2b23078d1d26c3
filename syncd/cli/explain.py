"""`explain order` and `explain sku`: each number's origin, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from syncd.cli.levels import believed, quiet, reason
from syncd.cli.options import DEFAULT_FOLDER, Folder, Json
from syncd.cli.reach import reach
from syncd.cli.say import print_json, print_line, print_table

ORDER_EPILOG = "Examples: syncd explain order us/1001; syncd explain order acme us/1001 --json"
SKU_EPILOG = "Example: syncd explain sku BOLT-M6"

explain_commands = typer.Typer(no_args_is_help=True, help="Show each number's origin, for an order or a SKU.")

Words = Annotated[list[str], typer.Argument(metavar="[TENANT] STORE/ORDER", help="The order.")]
SkuWords = Annotated[list[str], typer.Argument(metavar="[TENANT] SKU", help="The SKU, as in the ERP.")]


def tenant_and(words: list[str], what: str) -> tuple[str | None, str]:
    """One word, or the tenant and one word."""
    if len(words) > 2:
        raise typer.BadParameter(f"expected [TENANT] {what}, got {len(words)} words")
    return (words[0], words[1]) if len(words) == 2 else (None, words[0])


@explain_commands.command("order", epilog=ORDER_EPILOG)
def explain_order(words: Words, config: Folder = DEFAULT_FOLDER, json: Json = False) -> None:
    """Explain an order: what each line commits, by which rule, what the ERP has confirmed, by which move and when."""
    tenant, order = tenant_and(words, "STORE/ORDER")
    told = reach(config, "explain.order", {"tenant": tenant, "order": order}, quiet)
    if json:
        print_json(told)
        return
    print_line(f"{told['tenant']}/{told['store']}/{told['order']}", style="bold")
    if "status" in told:
        print_line(
            f"  status {told['status']} ({told['phase']}), created {told['created_at']}, modified {told['modified_at']},"
            f" read {told['read_at']}{', from before the cutover' if told['baseline'] else ''}"
        )
    columns = [
        "line", "product", "sku", ">factor", ">quantity", ">taken", ">commitment", "rule", ">confirmed", ">claim", ">hold",
        "state",
    ]  # fmt: skip
    print_table("", columns, [_line_row(line) for line in told["lines"]])
    moves = [move for line in told["lines"] for move in line["moves"]]
    if moves:
        print_line("moves", style="bold")
        columns = ["line/n", "key", "sku", ">change", "state", "rule", "planned", "confirmed", "in the ERP", "reason"]
        print_table("", columns, [_move_row(move) for move in moves])
    if told["shipments"]:
        print_line("shipments", style="bold")
        columns = [
            "shipment", "key", "address", "units", "tracking", "state", "told", "confirmed", "in the shop", "reason",
        ]  # fmt: skip
        print_table("", columns, [_shipment_row(each) for each in told["shipments"]])
    if told["placements"]:
        print_line("placed by the ERP", style="bold")
        columns = [
            "its key", "our key", "units", "state", "told", "confirmed", "in the shop", "wanted", "status", "heard", "reason",
        ]  # fmt: skip
        print_table("", columns, [_placement_row(each) for each in told["placements"]])
    if told["document"]:
        _print_document(told["document"])
    for entry in told["quarantine"]:
        line = entry["line"] or "the order"
        where = (
            f"line {line}"
            if entry["line"] and line.split(" ")[0] not in ("shipment", "document", "placement")
            else line
        )
        print_line(f"quarantine {entry['id']} ({entry['state']}): {where}: {entry['reason']}", style="yellow")
        print_line(f"  hint: {entry['hint']}")
    if told["erp_trouble"]:
        print_line(f"the ERP can't be asked: {told['erp_trouble']}", style="yellow")


def _line_row(line: Mapping[str, Any]) -> list[Any]:
    names = (
        "line",
        "product",
        "sku",
        "factor",
        "quantity",
        "taken",
        "commitment",
        "rule",
        "confirmed",
        "claim",
        "hold",
    )
    return [*(line[name] for name in names), line["state"]]


def _move_row(move: Mapping[str, Any]) -> list[Any]:
    there = None
    if move["erp_asked"]:
        there = f"{move['erp']['change']} of {move['erp']['sku']}" if move["erp"] else "nothing"
    return [
        f"{move['line']}/{move['n']}", move["key"], move["sku"], move["change"], move["state"], move["rule"],
        move["planned_at"], move["confirmed_at"], there, move["reason"],
    ]  # fmt: skip


def _shipment_row(told: Mapping[str, Any]) -> list[Any]:
    units = ", ".join(f"{each['quantity']} of {each['of']}" for each in told["units"])
    return [
        told["shipment"], told["key"], told["address"], units, told["tracking"], told["state"], told["told_at"],
        told["confirmed_at"], told["in_shop"], told["reason"],
    ]  # fmt: skip


def _placement_row(told: Mapping[str, Any]) -> list[Any]:
    units = ", ".join(f"{each['quantity']} of {each['of']}" for each in told["units"])
    outcome = f"{told['outcome']}{'' if told['heard'] else ', not yet told'}" if told["outcome"] else None
    return [
        told["placement"], told["key"], units, told["state"], told["told_at"], told["confirmed_at"], told["in_shop"],
        told["wanted"], told["following"], outcome, told["reason"],
    ]  # fmt: skip


def _print_document(told: Mapping[str, Any]) -> None:
    requests = "1 request" if told["requests"] == 1 else f"{told['requests']} requests"
    print_line(f"document: {told['state']}, by {requests} of its own", style="bold")
    if told["reason"]:
        print_line(f"  {told['reason']} (attempt {told['attempts']})", style="yellow")
    print_line(f"  read {told['read_at']}, told {told['told_at']}")
    rows = [[part["part"], part["state"], part["resource"], part["read_at"], part["reason"]] for part in told["parts"]]
    print_table("", ["part", "state", "read from", "when", "reason"], rows)


@explain_commands.command("sku", epilog=SKU_EPILOG)
def explain_sku(words: SkuWords, config: Folder = DEFAULT_FOLDER, json: Json = False) -> None:
    """Explain a SKU: what the ERP has, which orders it doesn't show yet, each shop's target, belief, readings and writes."""
    tenant, sku = tenant_and(words, "SKU")
    told = reach(config, "explain.sku", {"tenant": tenant, "sku": sku}, quiet)
    if json:
        print_json(told)
        return
    print_line(f"{told['tenant']}: {told['sku']} at {told['location']}", style="bold")
    erp = told["erp"]
    print_line(f"  the ERP has {erp['level']}, read {erp['read_at']}" if erp else "  the ERP has not shown this SKU")
    if told["open_orders"]:
        print_line("orders that the ERP's level may not show yet", style="bold")
        rows = [
            [o["order"], o["line"], o["commitment"], o["confirmed"], o["claim"], o["hold"]] for o in told["open_orders"]
        ]
        print_table("", ["order", "line", ">commitment", ">confirmed", ">claim", ">hold"], rows)
    for shop in told["stores"]:
        _print_shop(shop)
    moves = [*told["moves_waiting"], *told["moves_latest"]]
    if moves:
        print_line("moves: waiting, then the latest", style="bold")
        rows = [[m["order"], m["line"], m["change"], m["state"], m["rule"], m["confirmed_at"], m["key"]] for m in moves]
        print_table("", ["order", "line", ">change", "state", "rule", "confirmed", "key"], rows)


def _print_shop(shop: Mapping[str, Any]) -> None:
    print_line(f"store {shop['store']}, orders read to {shop['orders_read_to']}", style="bold")
    if shop["target"]:
        print_line(f"  target {shop['target']['target']}: {reason(shop['target'])}")
    for item in shop["items"]:
        blocked = f", {item['blocked']}" if item["blocked"] else ""
        blocked += f", the shop warns at {item['warns_at']}" if item["warns_at"] else ""
        where = f" for {item['location']}" if len(shop["items"]) > 1 else ""
        print_line(
            f"  item {item['item']} ({item['sku']}, factor {item['factor']}){where}: should show {item['shown']},"
            f" believed {believed(item['believed'])}, change {item['change']}{blocked}"
        )
        rows = [
            *(["reading", _between(r), r["level"], _used(r)] for r in item["readings"]),
            *(["taking", " to ".join(map(str, t["between"])), t["taken"], f"{t['order']} line {t['line']}, was {t['was']}"]
              for t in item["takings"]),
            *(["write", w["sent_at"], w["change"], f"{w['state']}: {w['why']}"] for w in item["writes"]),
        ]  # fmt: skip
        print_table("", ["  what", "when", ">units", "why"], rows)


def _between(reading: Mapping[str, Any]) -> str:
    return " to ".join(map(str, reading["between"]))


def _used(reading: Mapping[str, Any]) -> str:
    words = (["own write"] if reading["own_write"] else []) + ([] if reading["used"] else ["not used"])
    return ", ".join(words)

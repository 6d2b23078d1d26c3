from __future__ import annotations

import dataclasses

import msgspec
import pytest

from syncd.control.failure import CommandFailed
from syncd.ledger import stores
from tests.control.bench import open_bench, order


async def test_the_status_tells_each_store_and_what_waits(bench):
    await bench.stock(BOLT=10)
    await bench.open_store("us", BOLT=10)
    await bench.take("us", order("1", {"BOLT": 2}), order("2", {"NONE": 1}))
    told = await bench.call("status")
    assert told["running"] is True
    (tenant,) = told["tenants"]
    assert (tenant["tenant"], tenant["mode"], tenant["quarantine"]) == ("acme", "live", 1)
    assert tenant["moves"] == {"waiting": 1, "sent": 0, "in_doubt": 0}
    assert tenant["erp"]["known"] is True
    us, web = tenant["stores"]
    assert (us["store"], us["state"], us["writes"], us["quarantine"]) == ("us", "ready", "on", 1)
    assert us["items"]["active"] == 1
    assert us["items"]["unread"] == 0
    assert web == {
        "store": "web", "state": "new", "trouble": None, "breaker": "closed", "quota": {"limit": None, "left": None},
    }  # fmt: skip
    msgspec.json.encode(told)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"approved": 0}, "waiting for approval"),
        ({"brake": "too much"}, "stopped by the brake"),
        ({"paused": 1}, "paused"),
        ({"state": "baseline"}, "waiting for the baseline"),
    ],
)
async def test_the_status_says_what_writes_wait_for(bench, change, word):
    await bench.open_store("us", BOLT=10)
    await bench.ledger.run(lambda c: stores.change_store(c, "acme", "us", **change))
    told = await bench.call("status", tenant="acme")
    assert told["tenants"][0]["stores"][0]["writes"] == word


async def test_an_unknown_tenant_is_told_the_known_ones(bench):
    with pytest.raises(CommandFailed, match="no tenant is called 'nobody'") as caught:
        await bench.call("status", tenant="nobody")
    assert caught.value.hint == "the tenants are: acme"
    assert caught.value.exit_code == 2


async def test_an_unknown_store_is_told_the_known_ones(bench):
    with pytest.raises(CommandFailed, match="has no store 'eu'") as caught:
        await bench.call("plan", tenant="acme", store="eu")
    assert caught.value.hint == "its stores are: us, web"


async def test_the_plan_shows_what_would_be_written_and_its_terms(bench):
    await bench.stock(BOLT=10, NUT=5)
    await bench.open_store("us", BOLT=10, NUT=5)
    await bench.open_store("web", BOLT=10)
    await bench.take("web", order("1001", {"BOLT": 2}))
    told = await bench.call("plan", tenant="acme", store="us")
    (plan,) = told["stores"]
    assert plan["counts"]["items"] == 2
    (item,) = [each for each in plan["items"] if each["sku"] == "BOLT"]
    assert (item["target"], item["change"], item["name"]) == ("8", "-2", "The BOLT")
    assert item["believed"] == {"low": "10", "high": "10"}
    (sku,) = item["skus"]
    assert (sku["erp_level"], sku["buffer"]) == ("10", "0")
    assert sku["terms"] == [{"what": "untold", "order": "web/1001", "line": "1", "units": "2"}]


async def test_the_store_alone_is_enough_where_there_is_one_tenant(bench):
    await bench.open_store("us", BOLT=10)
    told = await bench.call("plan", tenant="us")
    assert [each["store"] for each in told["stores"]] == ["us"]


async def test_a_plan_says_what_blocks_an_item(bench):
    await bench.stock(BOLT=10)
    await bench.open_store("us", BOLT=10, GHOST=3)
    told = await bench.call("plan", tenant="us")
    (item,) = [each for each in told["stores"][0]["items"] if each["sku"] == "GHOST"]
    assert item["blocked"] == "the ERP has not shown this SKU"
    assert item["target"] is None


async def test_approving_tells_the_plan_first_and_rings_the_store(bench):
    await bench.stock(BOLT=7)
    await bench.open_store("us", approved=False, BOLT=10)
    told = await bench.call("approve", tenant="acme", store="us")
    assert told["approved_at"] is not None
    assert bench.told[0]["plan"]["counts"]["lowered"] == 1
    row = await bench.ledger.read(lambda c: stores.read_store(c, "acme", "us"))
    assert row.approved > 0
    assert '"store.approved"' in bench.log.getvalue()


async def test_approving_releases_the_brake(bench):
    await bench.open_store("us", BOLT=10)
    await bench.ledger.run(lambda c: stores.change_store(c, "acme", "us", brake="many at once"))
    told = await bench.call("approve", tenant="us")
    assert told["released_brake"] == "many at once"
    row = await bench.ledger.read(lambda c: stores.read_store(c, "acme", "us"))
    assert row.brake == ""


async def test_nothing_is_approved_before_its_baseline_is_complete(bench):
    await bench.open_store("us", state=stores.BASELINE, approved=False, BOLT=10)
    with pytest.raises(CommandFailed, match="isn't complete") as caught:
        await bench.call("approve", tenant="acme", store="us")
    assert caught.value.exit_code == 75
    with pytest.raises(CommandFailed, match="never been read"):
        await bench.call("approve", tenant="acme", store="web")


async def test_which_store_must_be_said_where_there_are_two(bench):
    with pytest.raises(CommandFailed, match="which store") as caught:
        await bench.call("approve")
    assert caught.value.hint == "name one of: us, web"


async def test_a_broken_tenant_is_told_with_its_problems(tmp_path):
    tenants = tmp_path / "config" / "tenants"
    tenants.mkdir(parents=True)
    (tenants / "broken.toml").write_text('returns = "nobody"\n[erp]\nkind = "embedded"\n')
    async with open_bench(tmp_path) as bench:
        with pytest.raises(CommandFailed, match="configuration of tenant broken is broken") as caught:
            await bench.call("plan", tenant="broken")
        assert "broken.toml:1: returns" in str(caught.value)
        assert caught.value.exit_code == 78
        told = await bench.call("status")
        assert [each["tenant"] for each in told["broken"]] == ["broken"]


@pytest.mark.parametrize("arguments", [{"nonsense": 1}, {"tenant": 5}])
async def test_arguments_of_another_shape_are_refused(bench, arguments):
    with pytest.raises(CommandFailed) as caught:
        await bench.call("status", **arguments)
    assert caught.value.exit_code == 2


async def test_an_unknown_command_hints_at_versions(bench):
    with pytest.raises(CommandFailed, match="no command is called") as caught:
        await bench.call("dance")
    assert "another version" in caught.value.hint


async def test_a_plan_that_the_brake_would_stop_is_approved_while_the_daemon_runs(bench):
    skus = {f"S{n}": 5 for n in range(12)}
    await bench.stock(**dict.fromkeys(skus, 0))
    await bench.open_store("us", approved=False, **skus)
    drained = bench.clock.now()
    await bench.ledger.run(lambda c: stores.change_store(c, "acme", "us", drained=drained))
    bench.commands.scene = dataclasses.replace(bench.commands.scene, running=False)
    with pytest.raises(CommandFailed, match="would take 12 items to 0") as caught:
        await bench.call("approve", tenant="us")
    assert caught.value.exit_code == 75
    bench.commands.scene = dataclasses.replace(bench.commands.scene, running=True)
    await bench.call("approve", tenant="us")
    assert len(bench.store("us").context.may_fall) == 12

"""A judge of each level as it is written: whatever may have happened to the daemon, what it writes follows from what was known
lately. A process that slept for an hour has no excuse either: it must look first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.script import KITS, SKUS, STORES

if TYPE_CHECKING:
    from tests.simulation.world import World

KNOWN_SECONDS = 290.0  # raising needs orders read 230 s ago at most; then come not-after, and a request that travels
JUST_NOW_SECONDS = 1.5
HAND_SECONDS = 900.0  # of health, until a counter that somebody typed into has been read again


def judge_level(world: World, store: str) -> None:
    """A request has changed something in a shop: if it raised a counter, not above all that could be promised lately."""
    judges, at = world.judges, world.now
    if store not in STORES or not judges.begun or judges.mode != "live":
        return
    if world.health.well_since([*STORES, "erp"], at) > at - KNOWN_SECONDS:
        return
    shop = world.shops[store]
    for item in (*SKUS, *KITS):
        newest = shop.writes(item)[-1:]
        if not newest or newest[0][1] <= 0 or not newest[0][2].startswith("api"):
            continue
        if newest[0][0] < shop.now() - JUST_NOW_SECONDS * 1e6 or judges.hands.get(
            (store, item), -1e9
        ) > world.health.last_well([store, "syncd"], at, HAND_SECONDS):
            continue
        shown = shop.shown(item)
        could = world.accounts.capacity(item, at - KNOWN_SECONDS) + judges._given_back(shop, item, KNOWN_SECONDS)
        if shown > could:
            judges.blame(
                "OVERSOLD",
                f"{store} was made to show {shown} of {item} at {at:.0f} s; for {KNOWN_SECONDS:.0f} s there never were "
                f"more than {could}",
            )

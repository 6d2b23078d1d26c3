"""A misbehaving shop, and clients of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.transport.misbehaving import Guest, GuestMaker, Shop, guests


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with Shop().open() as opened:
        yield opened


@pytest.fixture
async def make_guest(shop: Shop) -> AsyncIterator[GuestMaker]:
    async with guests(shop) as make:
        yield make


@pytest.fixture
def guest(make_guest: GuestMaker) -> Guest:
    return make_guest()

"""Which order statuses to ask for, so that no order is left out.

`status=any` leaves the trash out, and with it every order at the moment when it is thrown away; newer versions leave the
drafts out too. So all statuses are named: those that the shop registers (`GET /orders/statuses`, custom ones included) and
the trash. A shop that refuses that list is asked for `any` and for `trash` apart.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from syncd.errors import RefusedError
from syncd.stores.woocommerce.api import V3, Api, refuses_parameter
from syncd.stores.woocommerce.wire import OrderStatus

T = TypeVar("T")

CORE = ("pending", "on-hold", "processing", "completed", "cancelled", "refunded", "failed", "checkout-draft")
TRASH = "trash"
APART = ("any", TRASH)
LISTS_UNTIL_REFRESH = 30  # a status that a plugin adds is asked for after so many lists: half an hour of polls


class StatusList:
    """The statuses of one shop: soft state, read at need."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lists: tuple[str, ...] = ()
        self._uses = 0

    async def refresh(self) -> None:
        """Read them anew. An old shop without that route has WooCommerce's own."""
        answer = await self._api.read(f"{V3}/orders/statuses", accept=(404,))
        found = (
            CORE if answer.status == 404 else [row.slug.removeprefix("wc-") for row in answer.json(list[OrderStatus])]
        )
        self._lists = (",".join([*dict.fromkeys(slug for slug in found if slug and slug != TRASH), TRASH]),)
        self._uses = 0

    async def each(self, read: Callable[[str], Awaitable[T]]) -> list[T]:
        """What `read` gives for each value of the parameter `status` that it takes to see all orders: one, at times two."""
        if not self._lists or self._uses >= LISTS_UNTIL_REFRESH:
            await self.refresh()
        self._uses += 1
        if self._lists != APART:
            for refreshed in (False, True):
                try:
                    return [await read(status) for status in self._lists]
                except RefusedError as error:
                    if not refuses_parameter(error, "status"):
                        raise
                if not refreshed:  # a plugin's status has gone with the plugin
                    await self.refresh()
            self._lists = APART
        return [await read(status) for status in self._lists]

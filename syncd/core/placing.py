"""An order that was taken in the ERP, on its way into a shop: whether it can be placed as it is, and what may follow.

The rules of the platforms' own documents are looked at before anything is sent, so that the ERP hears of all that is wrong with
an order at once, and in its own words: SKUs and places in its lists, no number of the shop's. What can't be placed raises
`Unplaceable`; nothing is guessed, and nothing is left out of an order to make it fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from syncd.core.following import START, ShopStatus
from syncd.core.moves import short_key
from syncd.core.policy import Policy, Recipe
from syncd.core.quantity import UNIT, Quantity, is_whole, show

OWN_PREFIX = "syncd-"  # how the names of our orders in a shop begin
LINES_MAX = 500  # of one order
CART_LINES_MAX = 200  # of a cart: each change of a line is a request
KEY_CHARACTERS_MAX = 200
NAME_CHARACTERS_MAX = 250  # of a line without a product: the vendor's limit
TEXT_CHARACTERS_MAX = 10_000  # of staff notes and of the customer's message
CHECKOUT_NEEDS = ("first_name", "last_name", "street_1", "city")  # of an address: the vendor's document
QUANTITY_MAX = 1_000_000 * UNIT  # of one line

_MONEY = re.compile(r"[0-9]{1,11}(\.[0-9]{1,4})?")
_COUNTRY = re.compile(r"[A-Z]{2}")


class Price(msgspec.Struct, frozen=True):
    """A sum with and without tax, as decimal texts; "" in both: the shop reckons it. One without the other is refused."""

    inc_tax: str = ""
    ex_tax: str = ""

    @property
    def is_given(self) -> bool:
        """Whether the ERP sets it."""
        return bool(self.inc_tax or self.ex_tax)


NO_PRICE = Price()


class Address(msgspec.Struct, frozen=True):
    """A person at a place. `country` is the two letters of ISO 3166; `state` is written out."""

    first_name: str = ""
    last_name: str = ""
    company: str = ""
    street_1: str = ""
    street_2: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""
    country: str = ""
    phone: str = ""
    email: str = ""


class WantedLine(msgspec.Struct, frozen=True):
    """Units of a SKU of the ERP's; or, without `sku`, of something that is in no catalogue: then `name` and `price` are needed."""

    quantity: Quantity
    sku: str = ""
    name: str = ""
    price: Price = NO_PRICE


class Way(StrEnum):
    """How an order gets into the shop."""

    ORDER = "order"  # at once, as it is told
    CHECKOUT = "checkout"  # by a cart and its checkout: at the shop's prices, with its shipping, taxes and promotions
    CART = "cart"  # as a cart that a shopper buys by himself: what comes of it is a sale of the shop


class WantedOrder(msgspec.Struct, frozen=True):
    """An order that the ERP wants in a store. `key` is the ERP's own, unique for ever; what was told first under a key is what
    is placed, but for a cart, which follows. `customer` is the shop's id of the customer, "" a guest; `shipping` is where it goes (None: to the billing
    address); `channel` the shop's id of the channel, 0 its own choice. `shipping_method`: of a
    checkout, the name of a way to ship that the shop offers; "" the cheapest."""

    key: str
    store: str
    billing: Address
    lines: tuple[WantedLine, ...]
    shipping: Address | None = None
    status: ShopStatus = ShopStatus.PENDING
    customer: str = ""
    channel: int = 0
    subtotal: Price = NO_PRICE
    shipping_cost: Price = NO_PRICE
    total: Price = NO_PRICE
    staff_notes: str = ""
    customer_message: str = ""
    way: Way = Way.ORDER
    shipping_method: str = ""


class Flaw(msgspec.Struct, frozen=True):
    """What is wrong with one line of an order, or with one of its SKUs. `kind` is one of `KINDS`; `level` is what the shop has,
    `limit` the number of units that it allows at least or at most; None: not said."""

    kind: str
    sku: str = ""
    text: str = ""
    level: Quantity | None = None
    limit: Quantity | None = None


INVALID, UNKNOWN_SKU, AMBIGUOUS_SKU = "invalid", "unknown_sku", "ambiguous_sku"  # by us, before anything is sent
OUT_OF_STOCK, EXCEEDS_MAX, BELOW_MIN = "out_of_stock", "exceeds_max", "below_min"
BAD_OPTIONS, BAD_FIELD, REFUSED = "bad_options", "bad_field", "refused"
KINDS = frozenset(
    {INVALID, UNKNOWN_SKU, AMBIGUOUS_SKU, OUT_OF_STOCK, EXCEEDS_MAX, BELOW_MIN, BAD_OPTIONS, BAD_FIELD, REFUSED}
)


class Unplaceable(Exception):
    """An order that can't be placed as it is: the message says why, `flaws` what is wrong with which line."""

    def __init__(self, reason: str, flaws: Sequence[Flaw] = ()) -> None:
        super().__init__(reason)
        self.flaws = tuple(flaws)


class Offer(msgspec.Struct, frozen=True):
    """A thing that the shop sells: its name in the shop's order lines, its stock item ("" where none is counted), its SKU there."""

    product: str
    item: str
    sku: str


class PlacedLine(msgspec.Struct, frozen=True):
    """A line in the shop's terms. `product` is "" for one that is in no catalogue."""

    product: str
    sku: str
    name: str
    quantity: Quantity
    price: Price


class Room(msgspec.Struct, frozen=True):
    """Units of an ERP SKU that the shop needs on its counter to take the order."""

    sku: str
    units: Quantity


class Resolved(msgspec.Struct, frozen=True):
    """An order in the shop's terms: lines, and the units that it takes from each stock item."""

    lines: tuple[PlacedLine, ...]
    items: Mapping[str, Quantity]


def order_key(tenant: str, store: str, key: str) -> str:
    """The name that an order of the ERP's carries in the shop, for ever the same: "syncd-" and 26 letters and digits."""
    return short_key(OWN_PREFIX, f"{tenant}/{store}/{key}")


def check(order: WantedOrder) -> None:
    """Whether the order keeps the rules that need no look at the shop. Raises Unplaceable with all that is wrong."""
    flaws = [*_order_flaws(order), *_line_flaws(order.lines)]
    if order.way is Way.CART:
        flaws += _cart_flaws(order)
    else:
        flaws += _address_flaws("billing", order.billing)
        if order.shipping is not None:
            flaws += _address_flaws("shipping", order.shipping)
        flaws += _checkout_flaws(order)
    if flaws:
        raise Unplaceable("; ".join(flaw.text for flaw in flaws), flaws)


def resolve(order: WantedOrder, offers: Iterable[Offer], policy: Policy) -> Resolved:
    """The order in the shop's terms, by what the shop sells. `offers` are those that may be meant: at least all whose SKU is in
    `shop_skus`. Raises Unplaceable where a SKU is nobody's, or several things'."""
    by_sku: dict[str, list[Offer]] = {}
    for offer in offers:
        by_sku.setdefault(offer.sku, []).append(offer)
    lines: list[PlacedLine] = []
    flaws: list[Flaw] = []
    items: dict[str, int] = {}
    for line in order.lines:
        if not line.sku:
            lines.append(PlacedLine("", "", line.name, line.quantity, line.price))
            continue
        found = _meant(line.sku, by_sku, policy)
        if isinstance(found, Flaw):
            flaws.append(found)
            continue
        lines.append(PlacedLine(found.product, found.sku, line.name, line.quantity, line.price))
        if found.item:
            items[found.item] = items.get(found.item, 0) + line.quantity
    if flaws:
        raise Unplaceable("; ".join(dict.fromkeys(flaw.text for flaw in flaws)), flaws)
    return Resolved(tuple(lines), {item: Quantity(units) for item, units in items.items()})


def rooms_of(order: WantedOrder, policy: Policy) -> tuple[Room, ...]:
    """What the shop needs on its counter of each of the ERP's SKUs: of a kit, of each component."""
    rooms: dict[str, int] = {}
    for line in order.lines:
        if line.sku:
            for sku, factor in policy.kits.get(line.sku, ((line.sku, Quantity(UNIT)),)):
                rooms[sku] = rooms.get(sku, 0) + line.quantity * factor // UNIT
    return tuple(Room(sku, Quantity(units)) for sku, units in rooms.items())


def shop_skus(skus: Iterable[str], policy: Policy) -> set[str]:
    """The names under which the shop may know these SKUs of the ERP's."""
    wanted = set(skus)
    return wanted | {shop for shop, erp in policy.skus.items() if erp in wanted}


def _meant(sku: str, by_sku: Mapping[str, Sequence[Offer]], policy: Policy) -> Offer | Flaw:
    """The one thing that the shop sells under this SKU."""
    names = [name for name in sorted(shop_skus([sku], policy)) if _is_sold_as(name, sku, policy)]
    found = [offer for name in names for offer in by_sku.get(name, ())]
    named = {offer.product.partition("/")[0] for offer in found if "/" in offer.product}
    # A simple product stands there twice, with its one variant and without: the variant is what an order should name.
    found = [offer for offer in found if "/" in offer.product or offer.product not in named]
    if not found:
        return Flaw(UNKNOWN_SKU, sku, f"the shop sells nothing with the SKU {sku}")
    if len({offer.product for offer in found}) > 1:
        products = ", ".join(sorted(offer.product for offer in found))
        return Flaw(AMBIGUOUS_SKU, sku, f"several products of the shop have the SKU {sku}: {products}")
    return found[0]


def _is_sold_as(name: str, sku: str, policy: Policy) -> bool:
    """Whether the shop's SKU `name` is this SKU of the ERP's, or a kit of this name, and no other thing's name."""
    recipe: Recipe = policy.recipe(name)
    return recipe == ((sku, Quantity(UNIT)),) or (policy.skus.get(name, name) == sku and sku in policy.kits)


def _order_flaws(order: WantedOrder) -> Iterable[Flaw]:
    if not 1 <= len(order.key) <= KEY_CHARACTERS_MAX:
        yield _flaw(f"its key has 1 to {KEY_CHARACTERS_MAX} characters")
    if not 1 <= len(order.lines) <= LINES_MAX:
        yield _flaw(f"it has {len(order.lines)} lines: 1 to {LINES_MAX} are possible")
    if order.status not in START:
        yield _flaw(f"no order begins with the status {order.status}: {', '.join(sorted(START))}")
    if order.customer and not order.customer.isdecimal():
        yield _flaw("customer is no id of the shop's: leave it out for a guest")  # it may be an address: this is logged
    if order.channel < 0:
        yield _flaw(f"channel {order.channel} is no id of the shop's: leave it out, or name one")
    for name, price in (("subtotal", order.subtotal), ("shipping_cost", order.shipping_cost), ("total", order.total)):
        if flaw := _price_flaw(name, price):
            yield _flaw(flaw)
    for name, text in (("staff_notes", order.staff_notes), ("customer_message", order.customer_message)):
        if len(text) > TEXT_CHARACTERS_MAX:
            yield _flaw(f"{name} has {len(text)} characters: at most {TEXT_CHARACTERS_MAX}")


def _checkout_flaws(order: WantedOrder) -> Iterable[Flaw]:
    """What a checkout can't take, or must have. The shop reckons it: a sum of the ERP's would be left out, which nobody may do."""
    if order.way is not Way.CHECKOUT:
        if order.shipping_method:
            yield _flaw("shipping_method is looked at in a checkout alone")
        return
    priced = [line for line in order.lines if line.price.is_given]
    if priced or any(price.is_given for price in (order.subtotal, order.shipping_cost, order.total)):
        yield _flaw("the shop reckons what is placed by a checkout: leave prices and sums out, or place it as an order")
    if any(not line.sku for line in order.lines):
        yield _flaw("a checkout has lines with a SKU only")
    if "@" not in order.billing.email:
        yield _flaw("billing: a checkout needs an e-mail address")
    for which, address in (("billing", order.billing), ("shipping", order.shipping)):
        for name in CHECKOUT_NEEDS:
            if address is not None and not getattr(address, name):
                yield _flaw(f"{which}: a checkout needs {name}")


def _cart_flaws(order: WantedOrder) -> Iterable[Flaw]:
    """A cart is at the shop's prices, and is changed thing by thing. Who buys it, and how it is shipped, its shopper says."""
    if len(order.lines) > CART_LINES_MAX:
        yield _flaw(f"a cart has at most {CART_LINES_MAX} lines, not {len(order.lines)}")
    priced = any(line.price.is_given for line in order.lines)
    if priced or any(price.is_given for price in (order.subtotal, order.shipping_cost, order.total)):
        yield _flaw("the shop reckons what is in a cart: leave prices and sums out")
    skus = [line.sku for line in order.lines]
    if not all(skus) or len(set(skus)) < len(skus):
        yield _flaw("a cart has lines with a SKU only, and each SKU once")
    if order.shipping_method:
        yield _flaw("shipping_method is looked at in a checkout alone")


def _line_flaws(lines: Sequence[WantedLine]) -> Iterable[Flaw]:
    for number, line in enumerate(lines[:LINES_MAX], 1):
        where = f"line {number}" + (f" ({line.sku})" if line.sku else "")
        if not (is_whole(line.quantity) and 0 < line.quantity <= QUANTITY_MAX):
            yield _flaw(f"{where}: the shop takes whole units, not {show(line.quantity)}", line.sku)
        if flaw := _price_flaw("price", line.price):
            yield _flaw(f"{where}: {flaw}", line.sku)
        if not line.sku and not (line.name and line.price.is_given):
            yield _flaw(f"{where}: without a SKU it needs a name, a price with tax, and one without")
        if len(line.name) > NAME_CHARACTERS_MAX:
            yield _flaw(f"{where}: its name has more than {NAME_CHARACTERS_MAX} characters", line.sku)


def _price_flaw(name: str, price: Price) -> str:
    if not price.is_given:
        return ""
    if not (price.inc_tax and price.ex_tax):
        return f"{name} is given with tax and without, or not at all"
    wrong = [text for text in (price.inc_tax, price.ex_tax) if not _MONEY.fullmatch(text)]
    return f"{name} {wrong[0]!r} is no sum: digits, a point, at most four decimals" if wrong else ""


def _address_flaws(which: str, address: Address) -> Iterable[Flaw]:
    """The platform needs a postal code; a country that is written out may be spelt in many ways, its two letters may not."""
    if len(address.zip.strip()) < 2:
        yield _flaw(f"{which}: the postal code (zip) has at least two characters")
    if not _COUNTRY.fullmatch(address.country):
        yield _flaw(f"{which}: country is the two capital letters of ISO 3166, not {address.country!r}")
    if not (address.first_name or address.last_name or address.company):
        yield _flaw(f"{which}: nobody is named")


def _flaw(text: str, sku: str = "") -> Flaw:
    return Flaw(INVALID, sku, text)

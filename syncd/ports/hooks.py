"""What a store must be able to do about webhooks. They only hint: what an order is, is read from the store.

A call is genuine if whoever made it knows the secret that syncd left at the store. The secret follows from the store's API
credential, so there is nothing to configure, and a new credential brings a new one.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Protocol

import msgspec

from syncd.core.signal import Signal


class NotGenuine(Exception):
    """The caller doesn't know the secret. Says no more: the caller learns nothing, and the log needs no text of theirs."""


class HooksKept(msgspec.Struct, frozen=True):
    """What became of the store's webhooks. `alive`: it will call for every change of an order. `done`: what was repaired, in
    words; `trouble`: what is wrong and can't be mended from here, "" if nothing is."""

    alive: bool
    done: tuple[str, ...] = ()
    trouble: str = ""


class HooksPort(Protocol):
    """A store's webhooks."""

    def read(self, headers: Mapping[str, str], body: bytes) -> tuple[Signal, ...]:
        """What a call speaks of, as far as this store's signals are wanted; () for a call that speaks of nothing such.
        `headers` ignore case.

        Synchronous, and no further parsing than for the id. Raises NotGenuine; takes the same time for any wrong secret.
        """

    async def keep(self, address: str) -> HooksKept:
        """See to it that the store calls `address` for all that is wanted: register what is missing, mend what is broken, take
        away what was wanted before. Raises as other reads and writes of a store do, if that keeps it from calling for orders;
        what keeps it from calling for something else is `trouble`."""


def secret_of(credential: str, purpose: str) -> str:
    """The secret that syncd leaves at a store: 64 hexadecimal characters from which the credential can't be told."""
    return hmac.digest(credential.encode(), f"syncd webhooks {purpose}".encode(), "sha256").hex()


def same(given: str, secret: str) -> bool:
    """Whether they are equal, without telling by the time it takes where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), secret.encode())

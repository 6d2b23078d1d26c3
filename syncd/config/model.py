"""What every model of a configuration file shares: how strict it is, and which addresses may carry a secret."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict

from syncd.config.values import (
    Address,
    is_plain_and_far,
    refusal,
)

DAY_SECONDS: Final = 86_400

PLAIN_HINT: Final = (
    "A token that anyone on the way can read gives away the whole system: use https, or a tunnel to localhost."
)


class Model(BaseModel):
    """Frozen, nothing unknown, and no conversions: `"5"` is not a number."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _never_plain(address: str) -> str:
    if is_plain_and_far(address):
        raise refusal("https:// for another machine", PLAIN_HINT)
    return address


TokenAddress = Annotated[Address, AfterValidator(_never_plain)]

"""An event as CloudEvents 1.0 writes it in JSON: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md

Of its extensions `sequence` and `partitionkey` are the documented ones: within a partition key events come in the order of their
sequences, as texts. `personal` and `persons` are ours, and stand only where there is personal data.
"""

from __future__ import annotations

from typing import Final

import msgspec

from syncd.observability.log import iso
from syncd.ports.sink import Delivery

MEDIA_TYPE: Final = "application/cloudevents+json"
TYPE_PREFIX: Final = "syncd."
SEQUENCE_DIGITS: Final = 19  # of 2**63: texts of equal length are in the order of their numbers


def encode(delivery: Delivery) -> bytes:
    """One event, on one line."""
    told: dict[str, object] = {
        "specversion": "1.0",
        "id": delivery.id,
        "source": f"/syncd/{delivery.tenant}/{delivery.store}" if delivery.store else f"/syncd/{delivery.tenant}",
        "type": TYPE_PREFIX + delivery.kind,
        "subject": delivery.subject,
        "time": iso(delivery.at),
        "datacontenttype": "application/json",
        "partitionkey": delivery.stream,
        "sequence": f"{delivery.seq:0{SEQUENCE_DIGITS}d}",
    }
    if delivery.personal:
        told["personal"] = ",".join(delivery.personal)
    if delivery.persons:
        told["persons"] = ",".join(delivery.persons)
    told["data"] = msgspec.Raw(delivery.data)
    return msgspec.json.encode(told)

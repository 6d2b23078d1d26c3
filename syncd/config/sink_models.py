"""`[sinks.NAME]` of a tenant's file, as models: what all sinks have in common, and one for each kind."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, SecretStr, Strict, field_validator
from pydantic.json_schema import SkipJsonSchema

from syncd.config.model import Model
from syncd.config.settings import UNKNOWN, signing_key
from syncd.config.values import Address, FilePath, Secret, StoreName, is_plain_and_far, refusal
from syncd.core.event import Kind

FIELDS_MAX: Final = 200
_FIELD: Final = re.compile(r"[^\s.]+(\.[^\s.]+)*")


def _field(path: str) -> str:
    if not _FIELD.fullmatch(path) or len(path) > 200:
        raise refusal(
            'a field\'s path, like "customer.email"', "Names with dots between; lists on the way need no mark."
        )
    return path


def _delivered(address: str) -> str:
    if is_plain_and_far(address):
        raise refusal("https://, as others could read events on the way", "Plain http is for this machine alone.")
    return address


def _below(folder: Path) -> Path:
    if folder.is_absolute() or ".." in folder.parts or folder == Path():
        raise refusal("a folder below state_dir", "Write a relative path, without `..`.")
    return folder


class Sink(Model):
    """What all sinks have in common."""

    name: SkipJsonSchema[str] = ""
    events: Annotated[
        Annotated[tuple[Kind, ...], Strict(strict=False), Field(min_length=1)],
        Field(description="Which events it gets."),
    ]
    fields: Annotated[
        Annotated[
            tuple[Annotated[str, AfterValidator(_field)], ...],
            Strict(strict=False),
            Field(min_length=1, max_length=FIELDS_MAX),
        ]
        | None,
        Field(
            description="Which fields of an event's data it gets, by their dotted paths. Default: all but the personal ones."
        ),
    ] = None
    personal: Annotated[bool, Field(description="Whether it gets personal fields without their being named.")] = False
    stores: Annotated[
        Annotated[tuple[StoreName, ...], Strict(strict=False), Field(min_length=1)] | None,
        Field(description="Of which stores it gets events. Default: of all."),
    ] = None
    keep_days: Annotated[
        int, Field(ge=1, le=90, description="For how many days an event waits for it, before it is given up.")
    ] = 7
    backlog_max: Annotated[
        int,
        Field(
            ge=100, le=1_000_000, description="How many events may wait for it; beyond that the oldest are given up."
        ),
    ] = 100_000


class WebhookSink(Sink):
    """A sink that is called: a CRM, a queue, a function."""

    kind: Annotated[Literal["webhook"], Field(description="Each event is posted to an address.")]
    url: Annotated[
        Address, AfterValidator(_delivered), Field(description="Where events are posted; redirects are not followed.")
    ]
    secret: Annotated[Secret, Field(description="What signs them: whsec_ and 24 to 64 bytes in Base64.")]

    @field_validator("secret")
    @classmethod
    def _signs(cls, secret: SecretStr) -> SecretStr:
        try:
            if secret != UNKNOWN:
                signing_key(secret.get_secret_value())
        except ValueError:
            raise refusal(
                "whsec_ and 24 to 64 bytes in Base64, as Standard Webhooks writes it",
                'Make one: echo "whsec_$(openssl rand -base64 32)" > FILE',
            ) from None
        return secret


class FileSink(Sink):
    """A sink of files in a folder."""

    folder: Annotated[
        Annotated[FilePath, AfterValidator(_below)] | None,
        Field(description="The folder, relative to state_dir. Default: `sinks/TENANT/NAME`."),
    ] = None

    def folder_in(self, state_dir: Path, tenant: str) -> Path:
        """Where its files lie."""
        return state_dir / (self.folder or sink_folder(tenant, self.name))


class NdjsonSink(FileSink):
    """A sink of lines of JSON, a file a day."""

    kind: Annotated[Literal["ndjson"], Field(description="Events are appended to files, a line of JSON each.")]
    split: Annotated[
        Literal["all", "kind"],
        Field(description='Whether "all" events of a day stand in one file, or each "kind" has a folder of its own.'),
    ] = "all"


class ParquetSink(FileSink):
    """A sink of Parquet files, parts in a folder for each day."""

    kind: Annotated[Literal["parquet"], Field(description="Events are gathered and written to Parquet files.")]
    gather_seconds: Annotated[
        int,
        Field(ge=0, le=86_400, description="How long events are gathered for a file, unless there are enough sooner."),
    ] = 300


def sink_folder(tenant: str, name: str) -> Path:
    """Where a sink's files lie by default, below `state_dir`."""
    return Path("sinks") / tenant / name


AnySinkModel = WebhookSink | NdjsonSink | ParquetSink

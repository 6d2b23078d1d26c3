"""`syncd.toml`: what concerns the daemon as a whole. Each value can be overridden by an environment variable."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from syncd.config.values import Address, is_loopback, is_plain_and_far, refusal

PREFIX: Final = "SYNCD_"
NESTING: Final = "__"
PORT_MAX: Final = 65_535
LISTEN: Final = r"^(\[[0-9a-fA-F:]+\]|[0-9A-Za-z.-]+):[0-9]{1,5}$"
UNKNOWN: Final = SecretStr("unknown")  # stands in for a secret whose problem is reported already
TOKEN_CHARACTERS_MIN: Final = 16  # of whoever guesses them, none comes through
SIGNING_PREFIX: Final = "whsec_"
SIGNING_BYTES: Final = range(24, 65)  # of a key, by Standard Webhooks
AlertKind = Literal[
    "store.stale", "store.fresh", "drift.unexplained", "quarantine.grew", "webhook.disabled", "webhook.enabled",
    "sink.unreachable", "sink.recovered", "sink.refused", "sink.stopped", "sink.dropped",
]  # fmt: skip
SECRET_PREFIX: Final = "SYNCD_SECRET_"  # noqa: S105 -- the beginning of a name


def is_secret_variable(name: str) -> bool:
    """Whether this environment variable holds a tenant's secret (`syncd.config.secrets`)."""
    return name.upper().startswith(SECRET_PREFIX)


class LogSettings(BaseModel):
    """The log, on the daemon's standard output."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Annotated[
        Literal["auto", "json", "console"],
        Field(description='"json" lines, "console" lines for people, or "auto": console on a terminal, else json.'),
    ] = "auto"
    level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="The least level that is logged.")
    ] = "info"


class ShutdownSettings(BaseModel):
    """The way down."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    drain_seconds: Annotated[
        float,
        Field(
            gt=0,
            le=600,
            description="How long running steps may take to finish after SIGTERM, in seconds. Keep systemd's "
            "TimeoutStopSec above it.",
        ),
    ] = 20.0


def _called(address: str) -> str:
    if is_plain_and_far(address):
        raise refusal(
            "https://, as the platforms ask for", "Put a reverse proxy with a certificate before the listener."
        )
    return address.rstrip("/")


def _delivered(address: str) -> str:
    if is_plain_and_far(address):
        raise refusal(
            "https://, as others could read and change alerts on the way", "Plain http is for this machine alone."
        )
    return address


def _with_port(listen: str, usual: int) -> str:
    if int(listen.rpartition(":")[2]) > PORT_MAX:
        raise refusal(f"a port from 0 to {PORT_MAX}", f"The usual one is {usual}.")
    return listen


class WebhookSettings(BaseModel):
    """The listener that stores call."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    listen: Annotated[
        str,
        Field(
            pattern=LISTEN,
            description="Address and port of the listener, for a reverse proxy on this machine.",
        ),
    ] = "127.0.0.1:8484"
    public_url: Annotated[
        Address,
        AfterValidator(_called),
        Field(description="Where the listener is reached from outside; stores call PUBLIC_URL/TENANT/STORE."),
    ]

    @field_validator("listen")
    @classmethod
    def _has_port(cls, listen: str) -> str:
        return _with_port(listen, 8484)


class PrivateSettings(BaseModel):
    """The listener for whoever looks after syncd: health and metrics."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: Annotated[
        SecretStr | None,
        Field(
            description="What has to be sent as `Authorization: Bearer ...`. Without one, only this machine may ask."
        ),
    ] = None
    listen: Annotated[
        str, Field(pattern=LISTEN, description="Address and port of the listener. Never one that the internet reaches.")
    ] = "127.0.0.1:8485"

    @field_validator("token")
    @classmethod
    def _long(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and token != UNKNOWN and len(token.get_secret_value()) < TOKEN_CHARACTERS_MIN:
            raise refusal(
                f"a token of at least {TOKEN_CHARACTERS_MIN} characters", "Make one: openssl rand -hex 32 > FILE"
            )
        return token

    @field_validator("listen")
    @classmethod
    def _guarded(cls, listen: str, info: ValidationInfo) -> str:
        host = _with_port(listen, 8485).rpartition(":")[0]
        if info.data.get("token", True) is None and not is_loopback(host.strip("[]")):
            raise refusal(
                "an address of this machine alone, like 127.0.0.1:8485, as there is no token",
                'Give a token (token_file = "PATH"), or listen on 127.0.0.1.',
            )
        return listen


class AlertSettings(BaseModel):
    """Where alerts are delivered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[
        Address, AfterValidator(_delivered), Field(description="Where alerts are posted; redirects are not followed.")
    ]
    secret: Annotated[SecretStr, Field(description="What signs them: whsec_ and 24 to 64 bytes in Base64.")]
    events: Annotated[tuple[AlertKind, ...], Field(description="Which events are alerts; by default all of them.")] = (
        get_args(AlertKind)
    )

    @field_validator("events")
    @classmethod
    def _some(cls, chosen: tuple[AlertKind, ...]) -> tuple[AlertKind, ...]:
        if not chosen:
            raise refusal("at least one event", "Leave the table [alerts] out to have no alerts at all.")
        return chosen

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


def signing_key(secret: str) -> bytes:
    """The key within a secret as Standard Webhooks writes it. Raises ValueError where it is none."""
    key = base64.b64decode(secret.removeprefix(SIGNING_PREFIX), validate=True)
    if not secret.startswith(SIGNING_PREFIX) or len(key) not in SIGNING_BYTES:
        raise ValueError("another form")
    return key


class Settings(BaseSettings):
    """The daemon's settings. `state_dir` is absolute here; the file may give it relative to itself."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter=NESTING,
        title="syncd.toml",
    )

    state_dir: Annotated[
        Path,
        Field(
            description="Where the ledger, the control socket and embedded ERPs live. Local disk, not a network share."
        ),
    ] = Path("/var/lib/syncd")
    log: Annotated[LogSettings, Field(description="How the daemon logs.")] = LogSettings()
    webhooks: Annotated[
        WebhookSettings | None,
        Field(description="Webhooks: without this table stores are only polled, which is enough for exactness."),
    ] = None
    private: Annotated[
        PrivateSettings | None,
        Field(description="Health and metrics, on a listener of their own: off without this table."),
    ] = None
    alerts: Annotated[
        AlertSettings | None,
        Field(description="Alerts to a webhook of yours: off without this table; the log has them anyway."),
    ] = None
    shutdown: Annotated[ShutdownSettings, Field(description="How the daemon stops.")] = ShutdownSettings()


class _GivenEnvironment(EnvSettingsSource):
    """Environment variables from a mapping that is handed in, not from the process."""

    def __init__(self, settings: type[BaseSettings], environment: Mapping[str, str]) -> None:
        self._environment = environment
        super().__init__(settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._environment.items() if not is_secret_variable(name)}


def make_settings(table: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """Settings of the file's table, overridden by SYNCD_... variables. Raises pydantic's ValidationError, or SettingsError."""

    class Here(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- it reads the process' own environment
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- no hidden files
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- secrets belong to tenants
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (_GivenEnvironment(settings_cls, environment), init_settings)

    here = Here(**table)
    return Settings.model_construct(
        state_dir=here.state_dir,
        log=here.log,
        webhooks=here.webhooks,
        private=here.private,
        alerts=here.alerts,
        shutdown=here.shutdown,
    )


def variable_name(path: tuple[str | int, ...]) -> str:
    """The environment variable that overrides this key, e.g. SYNCD_LOG__LEVEL."""
    return PREFIX + NESTING.join(str(part).upper() for part in path)


def known_variables() -> tuple[str, ...]:
    """Every environment variable that `syncd.toml`'s keys have."""
    names = []
    for name, field in Settings.model_fields.items():
        kinds = get_args(field.annotation) if isinstance(field.annotation, UnionType) else (field.annotation,)
        for inner in kinds:
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                keys = [
                    key
                    for key, each in inner.model_fields.items()
                    if each.annotation not in (SecretStr, SecretStr | None)
                ]
                names += [variable_name((name, key)) for key in keys]
        names.append(variable_name((name,)))
    return tuple(names)

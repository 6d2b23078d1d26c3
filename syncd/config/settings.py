"""`syncd.toml`: what concerns the daemon as a whole. Each value can be overridden by an environment variable."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from syncd.config.values import Address, is_plain_and_far, refusal

PREFIX: Final = "SYNCD_"
NESTING: Final = "__"
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


class WebhookSettings(BaseModel):
    """The listener that stores call."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    listen: Annotated[
        str,
        Field(
            pattern=r"^(\[[0-9a-fA-F:]+\]|[0-9A-Za-z.-]+):[0-9]{1,5}$",
            description="Address and port of the listener, for a reverse proxy on this machine.",
        ),
    ] = "127.0.0.1:8484"
    public_url: Annotated[
        Address,
        AfterValidator(_called),
        Field(description="Where the listener is reached from outside; stores call PUBLIC_URL/TENANT/STORE."),
    ]


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
        state_dir=here.state_dir, log=here.log, webhooks=here.webhooks, shutdown=here.shutdown
    )


def variable_name(path: tuple[str | int, ...]) -> str:
    """The environment variable that overrides this key, e.g. SYNCD_LOG__LEVEL."""
    return PREFIX + NESTING.join(str(part).upper() for part in path)


def known_variables() -> tuple[str, ...]:
    """Every environment variable that `syncd.toml`'s keys have."""
    names = []
    for name, field in Settings.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names += [variable_name((name, key)) for key in inner.model_fields]
        names.append(variable_name((name,)))
    return tuple(names)

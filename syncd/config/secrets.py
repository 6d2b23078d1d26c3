"""Where secrets come from: a file that the tenant's file names, the environment, or a systemd credential.

For the secret `access_token` of store `us` of tenant `acme`, exactly one of these is given:

    access_token_file = "acme-us.token"          in [stores.us]; relative to the tenant's file
    SYNCD_SECRET_ACME_US_ACCESS_TOKEN=...        in the environment
    LoadCredential=acme.us.access_token:...      in the systemd unit, found in $CREDENTIALS_DIRECTORY

A secret inside the tenant's file is refused: such files are copied, shown and kept in version control.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, SecretStr

from syncd.config.problem import Problem, join_key
from syncd.config.settings import SECRET_PREFIX, UNKNOWN

SECRET_BYTES_MAX = 4_096  # tokens have some dozens; a wrong path may name anything
FILE_SUFFIX: Final = "_file"
CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"
LIKE_A_SECRET = re.compile(r"[^./]{16,}")  # no dot, no slash, long: hardly a file's name


class _UnusableError(Exception):
    """A secret's source holds nothing that can be used: what was expected, what was found, what to do."""

    def __init__(self, expected: str, found: str, hint: str) -> None:
        super().__init__(expected)
        self.expected, self.found, self.hint = expected, found, hint


@dataclass(frozen=True, slots=True)
class SecretSources:
    """Where one tenant's secrets are looked for, or the daemon's own (`tenant` ""). `file` names them, `shown` is its name."""

    tenant: str
    file: Path
    shown: str
    environment: Mapping[str, str]

    def resolve(self, model: type[BaseModel], path: tuple[str, ...], table: Mapping[str, Any]) -> Resolved:
        """The table with its secrets in place of the keys that name their files, and what is wrong with them."""
        resolved, problems, variables = dict(table), [], []
        for name in secret_fields(model):
            inline, file = resolved.pop(name, None), resolved.pop(name + FILE_SUFFIX, None)
            variables.append(self.variable(path, name))
            resolved[name] = UNKNOWN
            needed = model.model_fields[name].is_required()
            try:
                resolved[name] = self._find(path, name, inline, file, needed=needed)
            except _UnusableError as error:
                key = join_key((*path, name if inline is not None or file is None else name + FILE_SUFFIX))
                problems.append(self._problem(key, error))
            if isinstance(file, str) and self._is_open_to_all(file):
                problems.append(
                    Problem(
                        file=self.shown,
                        key=join_key((*path, name + FILE_SUFFIX)),
                        expected="a file that only syncd's user can read",
                        found="one that every user of this machine can read",
                        hint=f"Run: chmod 600 {self.file.parent / file}",
                        tenant=self.tenant,
                        severity="warning",
                    )
                )
        return Resolved(resolved, tuple(problems), tuple(variables))

    def variable(self, path: tuple[str, ...], name: str) -> str:
        """The environment variable for this secret."""
        return SECRET_PREFIX + "_".join(filter(None, [self.tenant, path[-1], name])).upper().replace("-", "_")

    def credential(self, path: tuple[str, ...], name: str) -> str:
        """The systemd credential for this secret."""
        return ".".join(filter(None, [self.tenant, path[-1], name]))

    def _find(self, path: tuple[str, ...], name: str, inline: Any, file: Any, *, needed: bool) -> SecretStr | None:
        variable, credential = self.variable(path, name), self.credential(path, name)
        ways = (
            f'{name}{FILE_SUFFIX} = "PATH", the environment variable {variable}, or the systemd credential {credential}'
        )
        if inline is not None:
            raise _UnusableError(
                "no secret in this file",
                "one (not shown)",
                f"Give it by {ways}. If others could read this file, have a new one issued.",
            )
        found: dict[str, SecretStr | Path] = {}
        if file is not None:
            found[name + FILE_SUFFIX] = self._secret_file(name, file)
        if variable in self.environment:
            found[variable] = SecretStr(self.environment[variable])
        stored = Path(self.environment[CREDENTIALS]) / credential if self.environment.get(CREDENTIALS) else None
        if stored is not None and stored.is_file():
            found[f"credential {credential}"] = stored
        if not found and not needed:
            return None
        if not found:
            raise _UnusableError("a secret", "none", f"Give it by {ways}.")
        if len(found) > 1:
            raise _UnusableError("one source for the secret", " and ".join(found), "Remove all but one of them.")
        [(place, source)] = found.items()
        return _usable(place, _read(source) if isinstance(source, Path) else source.get_secret_value())

    def _secret_file(self, name: str, file: Any) -> Path:
        if not isinstance(file, str) or not file.strip():
            raise _UnusableError("the path of a file, in quotes", "something else", f"The file holds the {name} alone.")
        if LIKE_A_SECRET.fullmatch(file) and not (self.file.parent / file).exists():
            raise _UnusableError(
                "the path of a file", "no file of that name (not shown: it may be the secret itself)",
                f'Put the secret into a file of its own and name that file, like "{name}.txt".',
            )  # fmt: skip
        return self.file.parent / file

    def _is_open_to_all(self, file: str) -> bool:
        try:
            mode = (self.file.parent / file).stat().st_mode
            return stat.S_ISREG(mode) and bool(mode & stat.S_IROTH)
        except (OSError, ValueError):
            return False

    def _problem(self, key: str, error: _UnusableError) -> Problem:
        return Problem(
            file=self.shown, key=key, expected=error.expected, found=error.found, hint=error.hint, tenant=self.tenant
        )


@dataclass(frozen=True, slots=True)
class Resolved:
    """A table with its secrets, what was wrong, and the environment variables that were looked at."""

    table: dict[str, Any]
    problems: tuple[Problem, ...]
    variables: tuple[str, ...]


def secret_fields(model: type[BaseModel]) -> tuple[str, ...]:
    """The names of a model's secrets."""
    return tuple(
        name for name, field in model.model_fields.items() if field.annotation in (SecretStr, SecretStr | None)
    )


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(SECRET_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not a path"
        raise _UnusableError(
            "a file that can be read", f"{path}: {reason}", "Check the path and its permissions."
        ) from None
    if len(content) > SECRET_BYTES_MAX:
        raise _UnusableError(f"at most {SECRET_BYTES_MAX} bytes in {path}", "more", "The file holds the secret alone.")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise _UnusableError(f"text in {path}", "other bytes", "The file holds the secret alone.") from None


def _usable(place: str, text: str) -> SecretStr:
    secret = text.strip()
    if not secret:
        raise _UnusableError(f"a secret in {place}", "nothing", "Put the secret there, on one line.")
    if not secret.isprintable() or not secret.isascii() or any(letter.isspace() for letter in secret):
        raise _UnusableError(
            f"a secret of plain letters, digits and signs in {place}",
            "spaces, line breaks or other characters within it (not shown)",
            "Copy the secret alone, on one line.",
        )
    return SecretStr(secret)

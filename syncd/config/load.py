"""Read a configuration folder, whole: every mistake of every file in one go, and the tenants that are right all the same.

    DIR/syncd.toml            the daemon
    DIR/tenants/NAME.toml     one tenant each

A mistake in one tenant's file keeps that tenant from running, and no other. A mistake in `syncd.toml` keeps the daemon
from running; the tenants are checked nevertheless, so that all mistakes are seen at once.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_settings import SettingsError

from syncd.config.agree import check_carts, check_documents, check_kits, check_orders, check_together
from syncd.config.erp_models import EmbeddedErp, HttpErp
from syncd.config.lines import find_lines, nearest_line
from syncd.config.problem import Problem, did_you_mean, join_key, show_value
from syncd.config.secrets import SecretSources
from syncd.config.settings import (
    PREFIX,
    AlertSettings,
    PrivateSettings,
    Settings,
    is_secret_variable,
    known_variables,
    make_settings,
    variable_name,
)
from syncd.config.sink_models import NdjsonSink, ParquetSink, WebhookSink
from syncd.config.store_models import BigCommerceStore, WooCommerceStore
from syncd.config.tenant import Tenant, with_names
from syncd.config.translate import Mistake, translate
from syncd.config.values import NAME, NAME_RULE

FILE_BYTES_MAX = 1_000_000  # thousands of kits fit; a wrong file (a dump, a log) doesn't get into memory
TENANTS_MAX = 1_000  # in one process; each has its own tasks and connections
WITH_SECRETS: Final[Mapping[str, type[BaseModel]]] = {
    "private": PrivateSettings,
    "alerts": AlertSettings,
}  # of syncd.toml
WHERE_IN_TOML = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")
ERPS: Final[Mapping[str, type[BaseModel]]] = {"embedded": EmbeddedErp, "http": HttpErp}
STORES: Final[Mapping[str, type[BaseModel]]] = {"bigcommerce": BigCommerceStore, "woocommerce": WooCommerceStore}
SINKS: Final[Mapping[str, type[BaseModel]]] = {"webhook": WebhookSink, "ndjson": NdjsonSink, "parquet": ParquetSink}
PARTS: Final = {"erp": ERPS, "stores": STORES, "sinks": SINKS}  # of a tenant's file, each with its kinds


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a folder holds. `settings` is None when `syncd.toml` is wrong; `tenants` are those without a mistake, by name."""

    settings: Settings | None
    tenants: tuple[Tenant, ...]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The mistakes that keep the daemon or a tenant from running."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def failed_tenants(self) -> tuple[str, ...]:
        """The tenants that have a file and can't run."""
        return tuple(sorted({problem.tenant for problem in self.errors if problem.tenant}))

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret of every tenant, and the daemon's own, for the log to blot out."""
        parts = [
            part for tenant in self.tenants for part in (tenant.erp, *tenant.stores.values(), *tenant.sinks.values())
        ]
        own = [part for name in WITH_SECRETS if (part := getattr(self.settings, name, None)) is not None]
        values = [getattr(part, name) for part in [*parts, *own] for name in type(part).model_fields]
        return tuple(value.get_secret_value() for value in values if isinstance(value, SecretStr))


@dataclass(frozen=True, slots=True)
class _Document:
    """One TOML file as it was read."""

    shown: str
    table: dict[str, Any]
    lines: Mapping[tuple[str, ...], int]
    tenant: str = ""

    def problem(self, mistake: Mistake) -> Problem:
        return Problem(
            file=self.shown,
            key=join_key(mistake.path),
            line=nearest_line(self.lines, mistake.path),
            expected=mistake.expected,
            found=mistake.found,
            hint=mistake.hint,
            tenant=self.tenant,
        )


def load(directory: Path, environment: Mapping[str, str]) -> Configuration:
    """Read and check the folder. Never raises for what stands (or is missing) in it: `problems` tells."""
    settings, problems, own = _load_settings(directory, environment)
    tenants: list[Tenant] = []
    documents: dict[str, _Document] = {}
    variables = [
        (variable, "") for variable in own
    ]  # each environment variable for a secret, and the tenant that looks at it
    files, found = _tenant_files(directory / "tenants")
    problems += found
    for file in files:
        tenant, document, found, looked_at = _load_tenant(file, environment)
        problems += found
        documents[file.stem] = document
        variables += [(variable, file.stem) for variable in looked_at]
        tenants += [tenant] if tenant is not None else []
    problems += _unused_variables(environment, [variable for variable, _ in variables])

    tables = [(name, document.table) for name, document in documents.items()]
    state_dir = settings.state_dir if settings is not None else Path(Settings.model_fields["state_dir"].default)
    together = list(check_together(tables, variables, environment, state_dir))
    problems += [documents[name].problem(mistake) for name, mistake in together]
    failed = {name for name, _ in together}
    return Configuration(settings, tuple(tenant for tenant in tenants if tenant.name not in failed), tuple(problems))


def _load_settings(
    directory: Path, environment: Mapping[str, str]
) -> tuple[Settings | None, list[Problem], tuple[str, ...]]:
    """The settings (None where a mistake was found), what is wrong, and the variables that were looked at for secrets."""
    file = directory / "syncd.toml"
    document, problems = _read(file, "")
    if document is None:
        return None, problems, ()
    table, variables = dict(document.table), tuple[str, ...]()
    for part, model in WITH_SECRETS.items():
        given = table.get(part, {})
        named = part in table or any(name.upper().startswith(variable_name((part, ""))) for name in environment)
        if named and isinstance(given, dict):
            resolved = SecretSources("", file, document.shown, environment).resolve(model, (part,), given)
            table[part], variables = resolved.table, (*variables, *resolved.variables)
            problems += [_located(document, problem) for problem in resolved.problems]
    try:
        settings = make_settings(table, environment)
    except ValidationError as error:
        problems += [_of_settings(document, mistake, environment) for mistake in translate(error, Settings)]
        return None, problems, variables
    except SettingsError as error:
        hint = "Set one variable for each key, like SYNCD_LOG__LEVEL=debug."
        wrong = Problem(file="environment", key=PREFIX, expected="plain values", found=str(error), hint=hint)
        return None, [*problems, wrong], variables
    if any(problem.severity == "error" for problem in problems):
        return None, problems, variables
    return settings.model_copy(update={"state_dir": (directory / settings.state_dir).absolute()}), problems, variables


def _of_settings(document: _Document, mistake: Mistake, environment: Mapping[str, str]) -> Problem:
    """The problem, with the variable named where it was the environment that said it."""
    variable = variable_name(mistake.path)
    given = next((name for name in environment if name.upper() == variable), None)
    if given is None:
        return document.problem(mistake)
    found = show_value(environment[given])
    return Problem(file="environment", key=given, expected=mistake.expected, found=found, hint=mistake.hint)


def _tenant_files(folder: Path) -> tuple[list[Path], list[Problem]]:
    """The tenants' files, and what is wrong with the folder or their names."""
    expected = "one file NAME.toml for each tenant"
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".toml" and not path.name.startswith("."))
    except OSError as error:
        hint = "Create the folder and put a tenant's file into it; tenants/minimal.toml.example is a beginning."
        return [], [Problem(file=str(folder), key="", expected=expected, found=error.strerror or str(error), hint=hint)]
    problems = []
    if not files:
        hint = "Copy an example to NAME.toml and fill it in; files with other endings are not read."
        problems.append(Problem(file=str(folder), key="", expected=expected, found="none", hint=hint))
    if len(files) > TENANTS_MAX:
        hint = "Spread the tenants over several daemons, each with its own configuration and state."
        found = f"{len(files)} files; the rest is not read"
        problems.append(
            Problem(file=str(folder), key="", expected=f"at most {TENANTS_MAX} files", found=found, hint=hint)
        )
    usable = []
    for file in files[:TENANTS_MAX]:
        if NAME.fullmatch(file.stem):
            usable.append(file)
        else:
            hint = "Rename the file: its name is the tenant's name, and stays in the ledger for ever."
            found = show_value(file.stem)
            problems.append(
                Problem(file=str(file), key="", expected=NAME_RULE, found=found, hint=hint, tenant=file.stem)
            )
    return usable, problems


def _load_tenant(
    file: Path, environment: Mapping[str, str]
) -> tuple[Tenant | None, _Document, list[Problem], tuple[str, ...]]:
    """The tenant (None where an error was found), its file, all that is wrong, the variables looked at for secrets."""
    name = file.stem
    document, problems = _read(file, name)
    if document is None:
        return None, _Document(str(file), {}, {}, name), problems, ()
    sources = SecretSources(name, file, str(file), environment)
    table, found, variables = _with_secrets(document, sources)
    mistakes = [
        *_names_inside(document.table),
        *check_kits(document.table.get("kits")),
        *check_carts(document.table.get("stores")),
        *check_documents(document.table),
        *check_orders(document.table),
    ]
    tenant = None
    try:
        tenant = Tenant.model_validate(with_names(name, table))
    except ValidationError as error:
        mistakes += translate(error, Tenant)
    problems += found
    problems += [document.problem(mistake) for mistake in mistakes]
    problems.sort(key=lambda problem: problem.line)
    sound = not any(problem.severity == "error" for problem in problems)
    return tenant if sound else None, document, problems, variables


def _with_secrets(document: _Document, sources: SecretSources) -> tuple[dict[str, Any], list[Problem], tuple[str, ...]]:
    """The file's table with secrets resolved in the ERP's, each store's and each sink's table."""
    table = dict(document.table)
    problems: list[Problem] = []
    variables: list[str] = []

    def resolve(path: tuple[str, ...], part: Any) -> Any:
        model = PARTS[path[0]].get(str(part.get("kind"))) if isinstance(part, dict) else None
        if model is None:
            return part
        resolved = sources.resolve(model, path, part)
        problems.extend(resolved.problems)
        variables.extend(resolved.variables)
        return resolved.table

    if "erp" in table:
        table["erp"] = resolve(("erp",), table["erp"])
    for part in ("stores", "sinks"):
        if isinstance(table.get(part), dict):
            table[part] = {name: resolve((part, name), inner) for name, inner in table[part].items()}
    return table, [_located(document, problem) for problem in problems], tuple(variables)


def _located(document: _Document, problem: Problem) -> Problem:
    path = tuple(problem.key.split("."))
    line = nearest_line(document.lines, path)
    names = {name: getattr(problem, name) for name in problem.__dataclass_fields__}
    return Problem(**{**names, "line": line})


def _names_inside(table: Mapping[str, Any]) -> Iterator[Mistake]:
    """`name` is a field of our models, and no key of the file."""
    expected, found = "a key that is known here", "an unknown one"
    if "name" in table:
        yield Mistake(("name",), expected, found, "Remove it: the tenant's name is the file's.")
    for part, what in (("stores", "store"), ("sinks", "sink")):
        inner = table.get(part)
        for name, each in inner.items() if isinstance(inner, dict) else ():
            if isinstance(each, dict) and "name" in each:
                yield Mistake((part, name, "name"), expected, found, f"Remove it: the {what}'s name is the table's.")


def _read(file: Path, tenant: str) -> tuple[_Document | None, list[Problem]]:
    """The file's table, or the problem that kept it from being read."""

    def problem(expected: str, found: str, hint: str, line: int = 0) -> tuple[None, list[Problem]]:
        found = found.rstrip(".")
        return None, [
            Problem(file=str(file), key="", line=line, expected=expected, found=found, hint=hint, tenant=tenant)
        ]

    try:
        with file.open("rb") as stream:
            content = stream.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return problem("this file", "none", "Create it (it may be empty), or name another folder by --config.")
    except OSError as error:
        return problem("a file that can be read", error.strerror or str(error), "Check its kind and its permissions.")
    if len(content) > FILE_BYTES_MAX:
        return problem(f"at most {FILE_BYTES_MAX} bytes", "more", "Is this the right file?")
    try:
        text = content.decode("utf-8-sig")  # editors of Windows put a mark before it
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return problem("UTF-8 text", "another encoding", "Save the file as UTF-8.", line)
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = WHERE_IN_TOML.search(str(error))
        line = int(place[1]) if place and place[1] else len(text.splitlines())
        found = WHERE_IN_TOML.sub("", str(error)).strip()
        return problem("TOML", found, "Texts stand in quotes, tables in [brackets], each key once.", line)
    return _Document(str(file), table, find_lines(text), tenant), []


def _unused_variables(environment: Mapping[str, str], secret_variables: list[str]) -> Iterator[Problem]:
    """Variables that look as if they were meant for us and do nothing: mostly spelling mistakes."""
    known = known_variables()
    for name in sorted(environment):
        upper = name.upper()
        if not upper.startswith(PREFIX):
            continue
        candidates = secret_variables if is_secret_variable(name) else known
        if upper in candidates and (upper == name or not is_secret_variable(name)):
            continue
        near = did_you_mean(name, [candidate.lower() for candidate in candidates])
        yield Problem(
            file="environment",
            key=name,
            expected="a variable that syncd knows",
            found="an unknown one",
            hint=near.upper().replace("DID YOU MEAN", "Did you mean") or "Remove it, if it was meant for syncd.",
            severity="warning",
        )

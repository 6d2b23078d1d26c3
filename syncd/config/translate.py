"""What pydantic finds wrong, said in the words of an operator."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from syncd.config.problem import did_you_mean, join_key, show_value
from syncd.config.secrets import FILE_SUFFIX, secret_fields

Path = tuple[str | int, ...]

KIND_OF_VALUE: Final[Mapping[str, str]] = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "string_type": "a text in quotes",
    "bool_type": "true or false",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "tuple_type": "a list",
    "list_type": "a list",
    "path_type": "a path in quotes",
    "string_pattern_mismatch": "letters and digits only",
    "string_too_short": "a text that is not empty",
    "string_too_long": "a shorter text",
    "too_short": "at least one entry",
    "too_long": "fewer entries",
}
OUT_OF_RANGE: Final = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}


class Mistake:
    """One finding: the path in the file, what was expected, what was found, what to do."""

    def __init__(self, path: Path, expected: str, found: str, hint: str) -> None:
        self.path, self.expected, self.found, self.hint = path, expected, found, hint


def translate(error: ValidationError, model: type[BaseModel]) -> Iterator[Mistake]:
    """One mistake for each of pydantic's findings."""
    for details in error.errors(include_url=False):
        yield _mistake(details, model)


def known_keys(model: type[BaseModel]) -> list[str]:
    """The keys that a table of this model may hold: secrets by the key that names their file."""
    secrets = set(secret_fields(model))
    return [name + FILE_SUFFIX if name in secrets else name for name in model.model_fields if name != "name"]


def find(model: type[BaseModel], location: Path) -> tuple[Path, FieldInfo | None, type[BaseModel]]:
    """The path in the file for pydantic's location (which names the kind, too), its field, and the model around it."""
    path: list[str | int] = []
    field: FieldInfo | None = None
    around = model
    annotation: Any = model
    for part in location:
        if part == "[key]":
            break
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            around = annotation
            field = annotation.model_fields.get(str(part))
            path.append(part)
            annotation = _only(field.annotation) if field is not None else None
        elif models := _kinds(annotation):
            annotation = models.get(str(part), annotation)
        else:
            path.append(part)
            annotation = _inside(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        around = annotation
    return tuple(path), field, around


def _only(annotation: Any) -> Any:
    """The model of a table that may be left out; anything else as it is."""
    parts = [part for part in get_args(annotation) if part is not type(None)]
    optional = isinstance(annotation, types.UnionType) and len(parts) == 1
    return parts[0] if optional and isinstance(parts[0], type) else annotation


def _kinds(annotation: Any) -> dict[str, type[BaseModel]]:
    """The models of a union, by what stands under `kind`."""
    if get_origin(annotation) is not None and get_origin(annotation) not in {Union, types.UnionType}:
        annotation = get_args(annotation)[0] if hasattr(annotation, "__metadata__") else annotation
    models = [part for part in get_args(annotation) if isinstance(part, type) and issubclass(part, BaseModel)]
    return {
        str(get_args(model.model_fields["kind"].annotation)[0]): model
        for model in models
        if "kind" in model.model_fields
    }


def _inside(annotation: Any) -> Any:
    arguments = get_args(annotation)
    return arguments[-1] if get_origin(annotation) is dict else None


def _mistake(details: ErrorDetails, model: type[BaseModel]) -> Mistake:
    path, field, around = find(model, details["loc"])
    kind, context, value = details["type"], details.get("ctx", {}), details["input"]
    about = field.description or "" if field is not None else ""
    special = SPECIAL.get(kind)
    if special is not None:
        return special(path, context, value, field, around)
    if kind in KIND_OF_VALUE or kind in OUT_OF_RANGE:
        expected = KIND_OF_VALUE.get(kind, "a number")
        return Mistake(path, expected + _limits(field), show_value(value), about or "Correct the value.")
    return Mistake(path, details["msg"], show_value(value), about or "Correct the value.")


def _limits(field: FieldInfo | None) -> str:
    said = []
    for limit in field.metadata if field is not None else ():
        if isinstance(limit, annotated_types.Gt):
            said.append(f"above {limit.gt}")
        elif isinstance(limit, annotated_types.Ge):
            said.append(f"not below {limit.ge}")
        elif isinstance(limit, annotated_types.Le):
            said.append(f"not above {limit.le}")
    return f" {' and '.join(said)}" if said else ""


def _choices(field: FieldInfo | None) -> tuple[str, ...]:
    """What a key may say, where that is one of a few words."""
    if field is None or get_origin(field.annotation) is not Literal:
        return ()
    return tuple(str(choice) for choice in get_args(field.annotation))


def _one_of(choices: Iterable[str]) -> str:
    return " or ".join(f'"{choice}"' for choice in choices)


def _missing(path: Path, _context: Any, _value: Any, field: FieldInfo | None, around: type[BaseModel]) -> Mistake:
    key, about = str(path[-1]), field.description or "" if field is not None else ""
    if key in {"erp", "stores"}:
        table = '[erp] with kind = "embedded" or "http"' if key == "erp" else "at least one table [stores.NAME]"
        return Mistake(path, table, "none", f"Add it. {about}".strip())
    where = f"[{join_key(path[:-1])}]" if len(path) > 1 else "the top of the file, before the first [table]"
    expected = (
        _one_of(_choices(field)) or f"a value for {key} ({(around.__doc__ or '').splitlines()[0].rstrip('.').lower()})"
    )
    return Mistake(path, expected, "nothing", f"Add {key} = ... to {where}. {about}".strip())


def _wrong_choice(path: Path, context: Any, value: Any, field: FieldInfo | None, _around: type[BaseModel]) -> Mistake:
    choices = re.findall(r"'([^']*)'", str(context.get("expected", "")))  # pydantic: "'live' or 'shadow'"
    near = did_you_mean(value, choices) if isinstance(value, str) else ""
    about = field.description or "" if field is not None else ""
    expected = _one_of(choices) or "another value"
    return Mistake(path, expected, show_value(value), f"{near} {about}".strip())


def _wrong_kind(path: Path, context: Any, value: Any, _field: Any, _around: Any) -> Mistake:
    found = value.get("kind") if isinstance(value, Mapping) else value
    kinds = [kind.strip().strip("'") for kind in str(context.get("expected_tags", "")).split(",")]
    near = did_you_mean(found, kinds) if isinstance(found, str) else ""
    return Mistake((*path, "kind"), _one_of(kinds), show_value(found), near or "Choose what stands on the other side.")


def _no_kind(path: Path, _context: Any, value: Any, _field: Any, _around: Any) -> Mistake:
    part = str(path[0]) if path else ""
    kinds = {"erp": '"embedded" or "http"', "sinks": '"webhook", "ndjson" or "parquet"'}.get(
        part, '"bigcommerce" or "woocommerce"'
    )
    if not isinstance(value, Mapping):
        return Mistake(path, f"a table with kind = {kinds}", show_value(value), "Write it as a table.")
    return Mistake((*path, "kind"), kinds, "nothing", f"Add kind = {kinds} to [{join_key(path)}].")


def _unknown(path: Path, _context: Any, _value: Any, _field: Any, around: type[BaseModel]) -> Mistake:
    keys = known_keys(around)
    hint = did_you_mean(str(path[-1]), keys) or f"Remove it. Known here: {', '.join(keys)}."
    return Mistake(path, "a key that is known here", "an unknown one", hint)


def _own_check(path: Path, context: Any, value: Any, _field: Any, _around: Any) -> Mistake:
    return Mistake(path, str(context["expected"]), show_value(value), str(context["hint"]))


SPECIAL: Final[Mapping[str, Callable[..., Mistake]]] = {
    "missing": _missing,
    "literal_error": _wrong_choice,
    "union_tag_invalid": _wrong_kind,
    "union_tag_not_found": _no_kind,
    "extra_forbidden": _unknown,
    "syncd": _own_check,
}

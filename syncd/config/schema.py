"""JSON Schema of the configuration files, so that editors complete and check them (`syncd config-schema`)."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic.json_schema import GenerateJsonSchema

from syncd.config.secrets import FILE_SUFFIX
from syncd.config.settings import Settings
from syncd.config.tenant import Tenant
from syncd.config.values import NAME, RESERVED_STORE

Which = Literal["settings", "tenant"]
DIALECT: Final = GenerateJsonSchema.schema_dialect


def make_schema(which: Which) -> dict[str, Any]:
    """The schema of `syncd.toml` ("settings") or of a tenant's file ("tenant"), JSON Schema draft 2020-12.

    It is looser than `load`: what needs more than one value to be judged, or the file system, is not in it.
    """
    model = Settings if which == "settings" else Tenant
    schema = model.model_json_schema(by_alias=False)
    for table in [schema, *schema.get("$defs", {}).values()]:
        _name_secret_files(table)
    if which == "tenant":
        for part in ("stores", "sinks"):
            schema["properties"][part]["propertyNames"] = {
                "pattern": f"^{NAME.pattern}$",
                "not": {"const": RESERVED_STORE},
            }
    return {"$schema": DIALECT, **schema}


def _name_secret_files(table: dict[str, Any]) -> None:
    """A secret is given by the key that names its file, or outside of the file: so it is never required here."""
    properties: dict[str, Any] = table.get("properties", {})
    secrets = [
        name
        for name, described in properties.items()
        if any(part.get("writeOnly") for part in (described, *described.get("anyOf", ())))
    ]
    for name in secrets:
        described = properties.pop(name)
        properties[name + FILE_SUFFIX] = {
            "type": "string",
            "minLength": 1,
            "title": described.get("title", name) + " File",
            "description": f"A file that holds it, relative to this one. {described.get('description', '')}".strip(),
        }
    if secrets:
        table["required"] = [name for name in table.get("required", []) if name not in secrets]

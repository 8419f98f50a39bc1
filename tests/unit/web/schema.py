"""As much of JSON Schema as `openapi.json` uses: does a body have the shape that is told of it?"""

from collections.abc import Mapping
from typing import Any

_KINDS = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def mismatches(
    value: Any, schema: Mapping[str, Any], document: Mapping[str, Any], where: str = "$"
) -> list[str]:
    """Where `value` differs from `schema`, in words; empty if it fits."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/components/schemas/")
        return mismatches(value, document["components"]["schemas"][name], document, where)
    if "oneOf" in schema:
        return (
            []
            if any(not mismatches(value, each, document) for each in schema["oneOf"])
            else [f"{where}: {value!r}"]
        )
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(_is(value, kind) for kind in kinds) or value not in schema.get("enum", [value]):
        return [f"{where}: {value!r} is not {kinds}"]
    if isinstance(value, list):
        return [each for item in value for each in mismatches(item, schema["items"], document, f"{where}[]")]
    if isinstance(value, dict):
        return _object_mismatches(value, schema, document, where)
    return []


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _object_mismatches(
    value: dict[str, Any], schema: Mapping[str, Any], document: Mapping[str, Any], where: str
) -> list[str]:
    told = schema["properties"]
    wrong = [f"{where}.{key} is not told" for key in value.keys() - told.keys()]
    wrong += [f"{where}.{key} is missing" for key in set(schema["required"]) - value.keys()]
    for key in value.keys() & told.keys():
        wrong += mismatches(value[key], told[key], document, f"{where}.{key}")
    return wrong

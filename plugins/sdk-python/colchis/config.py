"""A configuration is a dataclass: its JSON Schema is made of the class, and a document is read into it.

Fields are written `Annotated[int, "What it is.", {"minimum": 0}]`: a description, and further words of JSON Schema, which the host checks before the plugin sees
a document. Names in documents are in camelCase. A field with a default may be left out.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from typing import Any, TypeVar

from .about import Finding
from .errors import PluginError

T = TypeVar("T")
WORDS = {str: ("string", "a text"), int: ("integer", "a whole number"), float: ("number", "a number"), bool: ("boolean", "true or false")}


def schema(of: type) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a dataclass."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_schema(of)}


def parse(of: type[T], text: str) -> T:
    """Reads a configuration; raises the first thing that is wrong with it."""
    value, findings = check(of, text)
    for finding in findings:
        raise PluginError.invalid(finding.field, finding.message)
    return typing.cast(T, value)


def check(of: type[T], text: str) -> tuple[T | None, list[Finding]]:
    """Reads a configuration, and finds all that is wrong with it; there is no value then."""
    try:
        document = json.loads(text)
    except ValueError as error:
        return None, [Finding("", f"the configuration is no JSON: {error}")]
    findings: list[Finding] = []
    value = _read(of, document, "", findings)
    return (None if findings else value), findings


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _fields(of: type) -> list[tuple[str, dataclasses.Field[Any], Any]]:
    """Names in documents, fields and types of a dataclass."""
    hints = typing.get_type_hints(of, include_extras=True)
    return [(_camel(field.name), field, hints[field.name]) for field in dataclasses.fields(of)]


def _needed(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _plain(of: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without what annotates it, and the latter; of `X | None`, X."""
    notes: tuple[Any, ...] = ()
    if typing.get_origin(of) is typing.Annotated:
        of, *rest = typing.get_args(of)
        notes = tuple(rest)
    if typing.get_origin(of) in (typing.Union, types.UnionType):
        of = next(one for one in typing.get_args(of) if one is not type(None))
    return of, notes


def _schema(of: Any) -> dict[str, Any]:
    of, notes = _plain(of)
    made: dict[str, Any] = {}
    if of in WORDS:
        made["type"] = WORDS[of][0]
    elif typing.get_origin(of) is list:
        made.update(type="array", items=_schema(typing.get_args(of)[0]))
    elif typing.get_origin(of) is dict:
        made.update(type="object", additionalProperties=_schema(typing.get_args(of)[1]))
    elif dataclasses.is_dataclass(of):
        fields = _fields(typing.cast(type, of))
        made.update(type="object", additionalProperties=False, properties={name: _schema(kind) for name, _, kind in fields})
        made["required"] = [name for name, field, _ in fields if _needed(field)]
    elif of is not Any:
        raise TypeError(f"{of} cannot be the type of a configuration's field: str, int, float, bool, list, dict, Any or a dataclass")
    for note in notes:
        made.update({"description": note} if isinstance(note, str) else note)
    return made


def _read(of: Any, value: Any, path: str, findings: list[Finding]) -> Any:
    of, _ = _plain(of)
    at = f"{path}." if path else ""
    if of in WORDS:
        fits = isinstance(value, (int, float)) if of is float else isinstance(value, of)
        if not fits or (isinstance(value, bool) and of is not bool):
            findings.append(Finding(path, f"expected {WORDS[of][1]}"))
        return value
    if typing.get_origin(of) is list:
        if not isinstance(value, list):
            findings.append(Finding(path, "expected a list"))
            return []
        return [_read(typing.get_args(of)[0], item, f"{path}[{at_index}]", findings) for at_index, item in enumerate(value)]
    if typing.get_origin(of) is dict or dataclasses.is_dataclass(of):
        if not isinstance(value, dict):
            findings.append(Finding(path, "expected an object"))
            return None
        if not dataclasses.is_dataclass(of):
            return {name: _read(typing.get_args(of)[1], item, at + name, findings) for name, item in value.items()}
        return _object(typing.cast(type, of), value, at, findings)
    return value


def _object(of: type, value: dict[str, Any], at: str, findings: list[Finding]) -> Any:
    fields = _fields(of)
    known = [name for name, _, _ in fields]
    findings += [Finding(at + name, f"there is no such field; there are: {', '.join(known)}") for name in value if name not in known]
    findings += [Finding(at + name, "it is missing") for name, field, _ in fields if _needed(field) and name not in value]
    given = {field.name: _read(kind, value[name], at + name, findings) for name, field, kind in fields if name in value}
    return None if findings else of(**given)

"""A profile as plain data and back again, so that a decision can be looked at, and made again, long after.

Knows types, not fields: what a profile gains is kept without a word here. The password never comes along, and no value
of an attribute that carries one.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime, tzinfo
from functools import lru_cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from db.queries.zones import zone_named
from domain.access import AccessProfile, AttributeItem
from domain.hiding import shown

_FIELDS = tuple(item for item in fields(AccessProfile) if item.name != "password_token")
_NAMES = tuple(item.name for item in _FIELDS)
_values_of = attrgetter(*_NAMES)
# What need not be written: a field that says nothing.
_NOTHING: tuple[object, ...] = (None, (), {})


def snapshot(profile: AccessProfile) -> dict[str, Any]:
    """All that decides, by field; a field that is not there is empty."""
    return {name: value for name, value in zip(_NAMES, _values_of(profile), strict=True) if value not in _NOTHING}


def plain(value: object) -> object:
    """A value that the JSON writer does not know, as one it does; raises `TypeError` for what must not be written."""
    if isinstance(value, AttributeItem):
        return [value.attribute, value.op, shown(value.attribute, value.value)]
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tzinfo):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not kept in a receipt")


def restore(values: Mapping[str, Any]) -> AccessProfile:
    """The profile of a snapshot, without its password; raises `ValueError` for one that this version cannot read."""
    try:
        return _restored(values)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a snapshot of a profile: {error}") from None


def _restored(values: Mapping[str, Any]) -> AccessProfile:
    given: dict[str, Any] = {"password_token": b""}
    for item in _FIELDS:
        if item.name in values:
            given[item.name] = _value(_hints(AccessProfile)[item.name], values[item.name])
        elif item.default is MISSING and item.default_factory is MISSING:
            given[item.name] = _nothing(_hints(AccessProfile)[item.name])
    return AccessProfile(**given)


def _nothing(wanted: Any) -> Any:
    if NoneType in get_args(wanted):
        return None
    origin = get_origin(wanted)
    return origin() if origin in (tuple, dict) else _missing(wanted)


def _missing(wanted: Any) -> Any:
    raise KeyError(f"a {wanted} is missing")


@lru_cache(maxsize=100)
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _value(wanted: Any, value: Any) -> Any:
    """`value` as the type that `wanted` names."""
    origin, parts = get_origin(wanted), get_args(wanted)
    if origin in (Union, UnionType):
        return None if value is None else _value(next(part for part in parts if part is not NoneType), value)
    if origin is tuple:
        return tuple(_value(parts[0], item) for item in value)
    if origin is frozenset:
        return frozenset(value)
    if origin is not None and issubclass(origin, Mapping):
        return {name: _value(parts[1], item) for name, item in value.items()}
    return _single(wanted, value)


def _single(wanted: type, value: Any) -> Any:
    if wanted is tzinfo:
        return zone_named(value)
    if wanted in (datetime, date):
        return wanted.fromisoformat(value)
    if issubclass(wanted, tuple) and hasattr(wanted, "_fields"):
        return wanted(*value)
    if is_dataclass(wanted):
        hints = _hints(wanted)
        return wanted(**{name: _value(hints[name], item) for name, item in value.items()})
    if not isinstance(value, wanted):
        raise TypeError(f"{value!r} is no {wanted.__name__}")
    return value

"""Values of a configuration: frozen, checked once, with errors that name the wrong field."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import NoneType
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from lexret.errors import InputError

NONE: Final = "none"


class Frozen(BaseModel):
    """Base class of all configuration: immutable, and unknown fields are errors.

    The text ``none`` unsets a field that may be without a value, because TOML has no null.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _read_none(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        return {name: None if isinstance(value, str) and value == NONE and _may_be_unset(cls, name)
                else value for name, value in values.items()}  # fmt: skip


def _may_be_unset(cls: type[BaseModel], name: str) -> bool:
    """Whether a field may be None, and the text ``none`` is not a value of its own."""
    field = cls.model_fields.get(name)
    kinds = () if field is None else get_args(field.annotation)
    return NoneType in kinds and not any(NONE in get_args(kind) for kind in kinds)


C = TypeVar("C", bound=Frozen)


def validated(cls: type[C], values: Mapping[str, Any], where: str) -> C:
    """Build a configuration from plain values.

    Raises:
        InputError: names every field that is wrong, what was found and what was expected.
    """
    try:
        return cls.model_validate(values)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            place = ".".join(str(part) for part in problem["loc"])
            if problem["type"] == "extra_forbidden":
                lines.append(f"  {place}: there is no such value{_known(cls, problem['loc'])}")
                continue
            # For a missing field, or a rule about several, pydantic's input is the whole table.
            of_table = problem["type"] in ("missing", "value_error")
            found = "" if of_table else f" (found {problem['input']!r})"
            lines.append(f"  {place}: {problem['msg']}{found}")
        raise InputError("\n".join([f"Bad configuration in {where}:", *lines])) from error


def _known(cls: type[BaseModel], place: tuple[int | str, ...]) -> str:
    """Return which names could be meant at a place of a configuration, for an error message."""
    for part in place[:-1]:
        field = cls.model_fields.get(str(part))
        inner = field.annotation if field else None
        if not isinstance(inner, type) or not issubclass(inner, BaseModel):
            return ""
        cls = inner
    names = list(cls.model_fields)
    near = get_close_matches(str(place[-1]), names, n=1)
    return f"; did you mean {near[0]}?" if near else f"; expected one of {', '.join(names)}"

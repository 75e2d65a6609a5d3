"""Models built from values that need no check: columns of our own tables, or what our own code has just made.

Validating an edge takes ten times as long as making it, and a page of results has hundreds of them. Only for values
that are of the fields' types already, all fields given; whatever comes from outside, jsonb included, is validated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel

M = TypeVar("M", bound=BaseModel)
# The slots of every model, written without a search for their names.
_set_values, _set_fields_set, _set_extra, _set_private = (
    vars(BaseModel)[slot].__set__
    for slot in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
)


def trusted(model: type[M]) -> Callable[[dict[str, Any]], M]:
    """A maker of this model: takes the values of all fields, which it keeps; the same as the validated model."""
    fields = set(model.model_fields)
    new = model.__new__

    def make(values: dict[str, Any]) -> M:
        # What pydantic's own model_construct does, without its loop over the fields.
        made = new(model)
        _set_values(made, values)
        _set_fields_set(made, fields)
        _set_extra(made, None)
        _set_private(made, None)
        return made

    return make

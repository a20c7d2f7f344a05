"""Copies of frozen dataclasses with some fields changed: a faster `dataclasses.replace`.

Theory of operation: every turn of the kernel copies a session a few times, which has some forty
fields, and `dataclasses.replace` hands each of them through `__init__` by name. Here the slots of
the old one are read at once and set in the new one, and then those that change. That is the same
thing for a class that only holds what it was given: all its fields are slots, and it has no
`__post_init__`. Any other class is copied by `dataclasses.replace` itself; so is one with a field
that is unknown, for the sake of its error. Type checkers see `dataclasses.replace`, and check the
names and types of what is changed.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import replace
else:
    import dataclasses
    from functools import cache
    from operator import attrgetter
    from types import MemberDescriptorType

    def replace(one, /, **changes):
        """A copy of a frozen dataclass with these fields changed."""
        kind = type(one)
        slots = _slots(kind)
        if slots is None or not changes.keys() <= slots.keys():
            return dataclasses.replace(one, **changes)
        copy = object.__new__(kind)
        for put, value in zip(slots.values(), _values(kind)(one), strict=True):
            put(copy, value)
        for name, value in changes.items():
            slots[name](copy, value)
        return copy

    @cache
    def _slots(kind):
        """How each field is set, by its name; None if that is not all there is to the class."""
        fields = dataclasses.fields(kind)
        slots = {field.name: getattr(kind, field.name, None) for field in fields}
        plain = all(isinstance(slot, MemberDescriptorType) for slot in slots.values())
        if len(fields) <= 1 or not plain or hasattr(kind, "__post_init__"):
            return None
        return {name: slot.__set__ for name, slot in slots.items()}

    @cache
    def _values(kind):
        """The values of all fields at once."""
        return attrgetter(*(field.name for field in dataclasses.fields(kind)))


__all__ = ["replace"]

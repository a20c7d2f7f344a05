"""How the bounds of the journal are written in config.toml: `"64MiB"`, `"90d"`."""

import re
from datetime import timedelta
from typing import Final

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.facts import parse_duration

MIB: Final = 1024 * 1024
_UNITS: Final = {"MiB": MIB, "GiB": 1024 * MIB}
_SIZE = re.compile(r"([0-9]{1,6}) ?(MiB|GiB)")
_LEAST, _MOST = 16 * MIB, 64 * 1024 * MIB
_SHORTEST, _LONGEST = timedelta(days=1), timedelta(days=36_500)


def size(value: object) -> object:
    """Bytes; raises ValueError with what was expected."""
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    count = int(found[1]) * _UNITS[found[2]] if found is not None else 0
    if not _LEAST <= count <= _MOST:
        raise ValueError('a size from 16MiB to 64GiB with its unit, such as "64MiB"')
    return count


def show_size(count: int) -> str:
    """Bytes as they are written: whole MiB."""
    return f"{count // MIB}MiB"


def days(value: object) -> object:
    """A span of at least a day; raises ValueError with what was expected."""
    if isinstance(value, str):
        try:
            span = parse_duration(value)
        except InvalidConfigError:
            span = timedelta(0)
        if _SHORTEST <= span <= _LONGEST:
            return span
    raise ValueError('a span of at least a day with its unit, such as "90d"')

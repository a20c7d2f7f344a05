"""The environment as a layer of the configuration, above the file and below a flag.

Every key has a variable: PALINGENESIS_, its section, its name. Two are shorter, because they were
there first. A value is typed as in the file, and needs no quotes: `5s`, `true`, `a,b` for a list.
"""

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Final

from palingenesis.runtime.config import Name
from palingenesis.runtime.config_keys import SECTIONS, Kind
from palingenesis.runtime.paths import POLICY_VARIABLE

_SHORT: Final[Mapping[Name, str]] = {
    ("policy", "path"): POLICY_VARIABLE,
    ("opencode", "executable"): "PALINGENESIS_OPENCODE",
}


def variable_of(section: str, name: str) -> str:
    """The environment variable that stands for a key."""
    return _SHORT.get((section, name)) or f"PALINGENESIS_{section}_{name}".upper()


def typed(kind: Kind, text: str) -> object:
    """What a person means who types a value without the quotes of TOML.

    Raises:
        ValueError: it is nothing of this kind, with what was expected.
    """
    candidates: list[object] = [text]
    with suppress(ValueError, RecursionError):
        candidates.insert(0, tomllib.loads(f"it = {text}")["it"])
    if kind.schema.get("type") == "array":
        candidates.append([word.strip() for word in text.split(",") if word.strip()])
    refusals: list[ValueError] = []
    for candidate in candidates:
        try:
            kind.read(candidate)
        except ValueError as error:
            refusals.append(error)
        else:
            return candidate
    raise refusals[0]


def strange_variables(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Variables that look like a key's and are none, with what was probably meant ("": unknown)."""
    known = {variable_of(section, name) for section, keys in SECTIONS.items() for name in keys}
    known |= {f"PALINGENESIS_{section}_{name}".upper() for section, name in _SHORT}
    starts = tuple(f"PALINGENESIS_{section}_".upper() for section in SECTIONS)
    for variable in sorted(environ):
        if variable.startswith(starts) and variable not in known:
            near = get_close_matches(variable, known, n=1, cutoff=0.8)
            yield variable, near[0] if near else ""

"""Plugins that go on with sessions by themselves, as OpenCode's own configuration names them.

Two drivers of one session prompt it twice. This reads files and runs nothing, so it goes by names:
of packages that are known to resume, retry or loop, and of words that such plugins are called by.
What one of another name does is not known; the kernel notices it at work (core.kernel.drivers).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from palingenesis.runtime.bounded_file import read_bounded

_BYTES_MAX: Final = 256 * 1024
_FILES: Final = ("opencode.json", "opencode.jsonc", "config.json")
_FOLDERS: Final = ("plugin", "plugins")
_CODE: Final = frozenset({".js", ".ts", ".mjs", ".cjs", ".mts", ".cts", ".jsx", ".tsx"})
_MOST: Final = 200
_KNOWN: Final = frozenset({"oh-my-opencode", "opencode-queue", "claude-auto-retry"})
"""Packages that prompt sessions by themselves although their names do not say so."""
_WORDS: Final = re.compile(
    r"(?:^|[^a-z])(?:auto-?)?"
    r"(?:resume|continue|continuation|retry|restart|ralph|loop|nudge|keep-?alive|autopilot)"
    r"(?:[^a-z]|$)"
)
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_OURS: Final = "palingenesis"
_COMMENTS_AND_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_LAST_COMMA: Final = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Competitor:
    """A plugin that may prompt sessions on its own account."""

    name: str
    place: Path
    """The file that names it, or that it is."""


def competing_drivers(folders: Iterable[Path]) -> tuple[Competitor, ...]:
    """Every plugin of such a name in these configuration folders; the unreadable is not there.

    Args:
        folders: where OpenCode looks, see `configuration_folders`.
    """
    found = (
        one
        for folder in dict.fromkeys(folders)
        for one in (*_named(folder), *_lying_about(folder))
        if _drives(one.name)
    )
    return tuple(dict.fromkeys(found))


def configuration_folders(environ: Mapping[str, str], projects: Iterable[Path]) -> list[Path]:
    """Where OpenCode looks for its configuration: the person's, and that of each project."""
    home = Path(environ.get("HOME") or "~").expanduser()
    configs = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    own = [configs / "opencode", home / ".opencode"]
    if named := environ.get("OPENCODE_CONFIG_DIR"):
        own.append(Path(named))
    return [*own, *(place for one in projects for place in (one, one / ".opencode"))]


def _named(folder: Path) -> Iterator[Competitor]:
    """What the lists of plugins in its files name."""
    for name in _FILES:
        place = folder / name
        plugins = _read(place).get("plugin")
        for entry in plugins[:_MOST] if isinstance(plugins, list) else ():
            word = entry[0] if isinstance(entry, list) and entry else entry
            if isinstance(word, str):
                yield Competitor(name=_package(word), place=place)


def _lying_about(folder: Path) -> Iterator[Competitor]:
    """What lies in its folders of plugins: OpenCode loads whatever is there."""
    for name in _FOLDERS:
        try:
            found = sorted((folder / name).iterdir())[:_MOST]
        except OSError:
            continue
        for place in found:
            if place.suffix in _CODE or place.is_dir():
                yield Competitor(name=place.stem, place=place)


def _read(place: Path) -> Mapping[str, object]:
    """The object in a file of JSON with comments; empty when there is none."""
    try:
        text = read_bounded(place, _BYTES_MAX, silence_s=0.1).decode("utf-8", "replace")
        plain = _LAST_COMMA.sub(_kept, _COMMENTS_AND_TEXT.sub(_kept, text))
        value = json.loads(plain)
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _kept(found: "re.Match[str]") -> str:
    """Text stays as it is; a comment, or a comma before a bracket, goes."""
    return found[0] if found[0].startswith('"') else " "


def _package(word: str) -> str:
    """`@scope/name@1.2` and `file:///x/name.js` by their names."""
    pieces = [piece for piece in word.split("/") if piece] or [""]
    name = pieces[-1].partition("@")[0]
    path = Path(name)
    if path.suffix not in _CODE:
        return name
    return pieces[-2] if path.stem == "index" and len(pieces) > 1 else path.stem


def _drives(name: str) -> bool:
    word = _HUMP.sub("-", name).lower().replace("_", "-")
    if _OURS in word:
        return False
    return word in _KNOWN or _WORDS.search(word) is not None

"""The plugin's text: the shipped one, what it becomes on a machine, and whose a found one is.

Theory of operation. The shipped text says its version and has a blank for the control socket's
path. Installed, the blank is filled in, and a last line is the **seal**: who wrote the file, how
many folders were made for it, and a fingerprint of all that. So the file itself tells whether it is
ours, which version it is, whether anybody changed it since, and what has to go with it; nothing is
remembered elsewhere.
"""

import json
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from palingenesis.core.errors import InvalidConfigError, PalingenesisError

SHIPPED: Final = Path(__file__).parent / "plugin" / "palingenesis.js"

_VERSION: Final = re.compile(r'^const VERSION = "(\d{1,6})"$', re.MULTILINE)
_SOCKET: Final = re.compile(r'^const SOCKET = ("[^\n]*")$', re.MULTILINE)
_BLANK: Final = 'const SOCKET = ""\n'
_SEAL: Final = "// written by `palingenesis integrate opencode`; folders made for it: "
_SEALED: Final = re.compile(
    rf"^({re.escape(_SEAL)}(\d{{1,2}}); fingerprint )([0-9a-f]{{16}})\n?", re.MULTILINE
)
_CHARS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What a file says of itself that carries our seal."""

    version: int
    socket: str
    folders_made: int
    """How many folders were made for it, the innermost first; they go with it when empty."""
    is_intact: bool
    """Whether it is as we wrote it."""


def shipped() -> str:
    """The plugin as it ships.

    Raises:
        PalingenesisError: the installation is damaged.
    """
    try:
        text = SHIPPED.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged() from error
    version_of(text)
    return text


def version_of(text: str) -> int:
    """The version of a shipped text.

    Raises:
        PalingenesisError: it does not say, or has no place for the socket's path.
    """
    found = _VERSION.findall(text)
    if len(found) != 1 or text.count(_BLANK) != 1:
        raise _damaged()
    return int(found[0])


def filled_in(text: str, *, socket: Path, folders_made: int) -> str:
    """A shipped text as it is to lie in its place.

    Raises:
        InvalidConfigError: the socket's path cannot be written into a text.
    """
    path = json.dumps(str(socket), ensure_ascii=False)
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise InvalidConfigError(
            f"the control socket's path is not UTF-8: {socket}",
            "set PALINGENESIS_RUNTIME_DIR to a folder of your own with a plain name",
        ) from error
    body = text.replace(_BLANK, f"const SOCKET = {path}\n")
    line = f"{_SEAL}{folders_made}; fingerprint "
    return f"{body}{line}{_fingerprint(body + line)}\n"


def read_installed(text: str) -> Installed | None:
    """What a found text says of itself; None: it does not carry our seal."""
    seal = _SEALED.search(text)
    if seal is None:
        return None
    body = text[: seal.start()] + text[seal.end() :]
    version, socket = _VERSION.search(body), _SOCKET.search(body)
    return Installed(
        version=int(version[1]) if version is not None else 0,
        socket=_path(socket[1]) if socket is not None else "",
        folders_made=int(seal[2]),
        is_intact=_fingerprint(body + seal[1]) == seal[3],
    )


def _path(literal: str) -> str:
    try:
        value = json.loads(literal)
    except ValueError:
        return ""
    return value if isinstance(value, str) else ""


def _fingerprint(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:_CHARS]


def _damaged() -> PalingenesisError:
    return PalingenesisError(
        "the shipped plugin is missing from this installation, or damaged",
        "install palingenesis again",
    )

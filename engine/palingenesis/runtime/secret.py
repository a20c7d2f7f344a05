"""Where a secret is to be found: an environment variable, a file, or what a program prints.

A secret is one line. What looks it up waits for nobody: a file that is a pipe and a program that
asks for a passphrase at a terminal that is not there are given up.
"""

import os
import select
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from typing import IO, Final

from palingenesis.core.errors import InvalidConfigError
from palingenesis.runtime.bounded_file import read_bounded, unreadable
from palingenesis.runtime.paths import expanded
from palingenesis.runtime.trust import way_out, why_untrusted

SECRET_CHARS_MAX: Final = 4096
COMMAND_S_MAX: Final = 10.0
"""How long a program may take to print a secret."""
_BYTES_MAX: Final = 4 * SECRET_CHARS_MAX
_WAY_OUT: Final = "put it there, or correct [notifications] in config.toml"
_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_HANDED_ON: Final = (
    *("HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"),
    *("GNUPGHOME", "PASSWORD_STORE_DIR", "SSH_AUTH_SOCK"),
)
"""What password managers need to find the person's store; nothing else of our environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Where a secret is to be found; exactly one of the three. Never the secret itself."""

    env: str | None = None
    file: str | None = None
    command: tuple[str, ...] | None = None

    def reveal(self, environ: Mapping[str, str], *, patience_s: float = COMMAND_S_MAX) -> str:
        """The secret, without surrounding white space; a command is run, and waited for so long.

        Raises:
            InvalidConfigError: it is not there, or empty.
        """
        if self.env is not None:
            value, place = environ.get(self.env, ""), f"the environment variable {self.env}"
        elif self.command is not None:
            place = f"the output of {self.command[0]}"
            value = _run(self.command, environ, patience_s)
        else:
            place = f"the file {self.file}"
            value = _read(expanded(self.file or "", "a secret"), place)
        value = value.strip()
        if not value:
            raise InvalidConfigError(f"a secret is missing: {place} is empty", _WAY_OUT)
        if len(value) > SECRET_CHARS_MAX or not (value.isascii() and value.isprintable()):
            raise InvalidConfigError(
                f"{place} holds no secret that could be sent: it is one line of ASCII, at most"
                f" {SECRET_CHARS_MAX} characters",
                _WAY_OUT,
            )
        return value


def _read(path: Path, place: str) -> str:
    try:
        if why := why_untrusted(path):
            raise InvalidConfigError(f"a secret is not safe to use: {why}", way_out(path))
        return read_bounded(path, _BYTES_MAX, silence_s=0.1).decode("utf-8")
    except OSError as error:
        raise unreadable(f"cannot read a secret from {place}", error, _WAY_OUT) from error
    except UnicodeDecodeError as error:
        raise InvalidConfigError(f"cannot read a secret from {place}", _WAY_OUT) from error


def _run(argv: tuple[str, ...], environ: Mapping[str, str], patience_s: float) -> str:
    """What a program prints: no shell, no terminal, little environment, and a limit of time."""
    program = _program(argv[0])
    clean = {name: environ[name] for name in _HANDED_ON if name in environ}
    try:
        process = subprocess.Popen(
            [program, *argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"PATH": _PATH, "LANG": "C.UTF-8", **clean},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise InvalidConfigError(f"a secret is missing: cannot run {argv[0]}", _WAY_OUT) from error
    try:
        assert process.stdout is not None
        output = _read_all(process.stdout, patience_s)
        process.stdout.close()  # whoever goes on printing learns that nobody reads
        code = process.wait(timeout=patience_s)
    except (TimeoutError, subprocess.TimeoutExpired) as error:
        raise InvalidConfigError(
            f"a secret is missing: {argv[0]} did not end within {patience_s:g} s",
            "run it by hand: does it ask for something?",
        ) from error
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    if code != 0:
        raise InvalidConfigError(
            f"a secret is missing: {argv[0]} ended with {code}", "run it by hand to see why"
        )
    return output.decode("utf-8", "replace")


def _program(word: str) -> str:
    """The program itself; one that others could exchange is not run."""
    named = str(expanded(word, "a secret's command"))
    found = shutil.which(named, path=_PATH)
    if found is None:
        raise InvalidConfigError(f"a secret is missing: there is no program {word}", _WAY_OUT)
    if why := why_untrusted(Path(found)):
        raise InvalidConfigError(f"a secret's command is not run: {why}", way_out(Path(found)))
    return found


def _read_all(output: IO[bytes], patience_s: float) -> bytes:
    """Everything that is printed, up to a limit; raises TimeoutError when nothing comes."""
    chunks, left = [], _BYTES_MAX
    while left > 0:
        if not select.select([output], [], [], patience_s)[0]:
            raise TimeoutError
        chunk = os.read(output.fileno(), left)
        if not chunk:
            break
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)

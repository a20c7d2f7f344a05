"""Changing config.toml on behalf of a person: her comments stay; the one door to tomlkit.

Theory of operation. The text is changed, and what comes of it is read as the daemon would read it,
before anything is written: a change that would make a file invalid is refused. The new file takes
the place of the old one whole, through every link, and two of us never write at once.
"""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from palingenesis.core.errors import InvalidConfigError, PalingenesisError
from palingenesis.runtime.config import ConfigProblemsError
from palingenesis.runtime.config_file import parse_config, read_config_file
from palingenesis.runtime.config_keys import RENAMED

Change = Callable[[str], str]
"""From one text of the file to the next."""


def changed(text: str, section: str, name: str, value: object) -> str:
    """The text with a key set to a plain value; None takes the key out."""
    import tomlkit

    document = tomlkit.parse(text.removeprefix("\ufeff"))
    table: Any = document
    for word in section.split("."):
        if word not in table:
            if value is None:
                return text
            table[word] = tomlkit.table(is_super_table=word == "hooks")
        table = table[word]
    if value is None:
        table.pop(name, None)
    else:
        table[name] = _item(value)
    return tomlkit.dumps(document)


def migrated(text: str) -> str:
    """The text with every key of earlier days under its name of today, at the same place."""
    import tomlkit

    document: Any = tomlkit.parse(text.removeprefix("\ufeff"))
    for (section, name), (to, new) in RENAMED.items():
        table = document.get(section)
        if not isinstance(table, dict) or name not in table:
            continue
        if to == section and new not in table:
            text = _renamed(tomlkit.dumps(document), section, name, new)
            document = tomlkit.parse(text)
            continue
        value = table.pop(name)
        if new not in document.setdefault(to, tomlkit.table()):
            document[to][new] = value
    return tomlkit.dumps(document)


def _renamed(text: str, section: str, name: str, new: str) -> str:
    """Rename one key where it stands, so that its comment stays beside it."""
    from palingenesis.runtime.config_places import find_places

    line, column = find_places(text)[section, name]
    lines = text.split("\n")
    row = lines[line - 1]
    lines[line - 1] = row[: column - 1] + new + row[column - 1 + len(name) :]
    return "\n".join(lines)


def change_file(path: Path, change: Change) -> bool:
    """Change the file, which need not be there; False: it says so already.

    Raises:
        ConfigProblemsError: the result could not be used; the file is as it was.
        InvalidConfigError: the file cannot be read.
        PalingenesisError: it cannot be written.
    """
    with _alone(path):
        raw = read_config_file(path)
        before = _decoded(raw or b"", path)
        parse_config(before, path)
        after = change(before)
        _check(after, path)
        if raw is not None and after == before:
            return False
        _replace(path, after)
    return True


def keep_copy(path: Path, at: datetime) -> Path:
    """A copy of the file beside it, which takes the place of no other one.

    Raises:
        PalingenesisError: it cannot be written.
    """
    content = read_config_file(path) or b""
    real = Path(os.path.realpath(path))
    for number in range(1, 1000):
        tail = f"-{number}" if number > 1 else ""
        copy = real.with_name(f"{real.stem}-backup-{at:%Y%m%d-%H%M}{tail}{real.suffix}")
        with contextlib.suppress(FileExistsError):
            try:
                file = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            except FileExistsError:
                continue
            except OSError as error:
                raise _unwritable(copy, error) from error
            with os.fdopen(file, "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            return copy
    raise PalingenesisError(f"there are too many copies in {real.parent}")


def create(path: Path, text: str) -> bool:
    """Write the file, unless there is one (or a link of that name); False: there is.

    Raises:
        PalingenesisError: it cannot be written.
    """
    with _alone(path):
        if path.exists() or path.is_symlink():
            return False
        _replace(path, text)
    return True


def _check(after: str, path: Path) -> None:
    try:
        parse_config(after, path)
    except ConfigProblemsError as error:
        error.message = f"nothing was changed: {path} would have a problem then"
        error.hint = "change what goes with it first, or all at once: palingenesis config edit"
        raise


def _decoded(raw: bytes, path: Path) -> str:
    try:
        return raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise InvalidConfigError(
            f"{path} is not UTF-8 (byte {error.start + 1})", hint="save the file as UTF-8"
        ) from error


def _item(value: object) -> Any:
    import tomlkit

    if isinstance(value, dict):
        table = tomlkit.inline_table()
        table.update(value)
        return table
    return tomlkit.item(value)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Nobody else of us changes the file meanwhile."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _replace(path: Path, text: str) -> None:
    target, room = Path(os.path.realpath(path)), ""
    try:
        handle, room = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(room).chmod(0o600)
        Path(room).replace(target)
        folder = os.open(target.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        if room:
            with contextlib.suppress(OSError):
                Path(room).unlink()
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> PalingenesisError:
    reason = (error.strerror or str(error)).lower()
    return PalingenesisError(
        f"cannot write {path}: {reason}", f"make {path.parent} a folder that you can write to"
    )

"""Which policies of projects the person trusts: each by its file, pinned to what is in it.

The pin covers the file and every file that it extends, so that nobody can change what is trusted
without being asked about again.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from palingenesis.core.errors import InvalidConfigError
from palingenesis.runtime.bounded_file import read_bounded, unreadable
from palingenesis.runtime.trust import way_out, why_untrusted

_BYTES_MAX = 1024 * 1024


class TrustStore:
    """A small JSON file: the real path of a policy -> the pin of what was trusted."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def pins(self) -> Mapping[str, str]:
        """Everything that is trusted.

        Raises:
            InvalidConfigError: the file cannot be read.
        """
        try:
            if why := why_untrusted(self._path):
                raise InvalidConfigError(
                    f"{self._path} is not safe to use: {why}", way_out(self._path)
                )
            plain: Any = json.loads(read_bounded(self._path, _BYTES_MAX, silence_s=0))
            return {str(path): str(pin) for path, pin in plain["trusted"].items()}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise unreadable(f"cannot read {self._path}", error) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            hint = "move it away: then no project is trusted"
            raise InvalidConfigError(f"{self._path} is damaged", hint) from error

    def trust(self, policy: Path, pin: str) -> None:
        """Trust what is in a policy's file now."""
        self._write({**self.pins(), os.path.realpath(policy): pin})

    def remove(self, policy: Path) -> bool:
        """Trust a policy's file no more; False: it was not trusted."""
        pins = dict(self.pins())
        if pins.pop(os.path.realpath(policy), None) is None:
            return False
        self._write(pins)
        return True

    def _write(self, pins: Mapping[str, str]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        text = json.dumps({"version": 1, "trusted": dict(sorted(pins.items()))}, indent=2)
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "w", encoding="utf-8") as out:
            out.write(f"{text}\n")
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self._path)


def pin_of(text: bytes, others: Iterable[bytes]) -> str:
    """What tells these contents from any other ones."""
    whole = hashlib.sha256()
    for content in (text, *others):
        whole.update(len(content).to_bytes(8, "big"))
        whole.update(content)
    return whole.hexdigest()

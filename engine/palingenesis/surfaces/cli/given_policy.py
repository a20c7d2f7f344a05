"""A policy named on the command line: a file, the name of a shipped one, or - for a pipe."""

import sys
from dataclasses import dataclass
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from palingenesis import shipped
from palingenesis.surfaces.cli.given_file import read_given
from palingenesis.surfaces.cli.naming import Word

_READ_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenPolicy:
    """What was read: `said` is how the person called it; `path` is None for a pipe."""

    said: str
    name: str
    raw: bytes
    path: Path | None


class PolicyWord(Word):
    """The word itself; a shell completes it with shipped names and YAML files."""

    name = "policy"

    def shell_complete(  # noqa: D102
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        named = [name for name in shipped.policy_names() if name.startswith(incomplete)]
        return [CompletionItem(name, help="ships with palingenesis") for name in named] + [
            CompletionItem(incomplete, type="file")
        ]


def read_policy(word: str) -> GivenPolicy:
    """The bytes of a policy; at most a little more than one may have.

    Raises:
        InvalidConfigError: it cannot be read.
    """
    if word == "-":
        raw = sys.stdin.buffer.read(_READ_BYTES_MAX)
        return GivenPolicy(said=word, name="stdin", raw=raw, path=None)
    path = Path(word)
    if word in shipped.policy_names() and not path.exists():
        path = shipped.policy(word)
    raw = read_given(path, hint=shipped_or_file())
    return GivenPolicy(said=word, name=path.stem, raw=raw, path=path)


def shipped_or_file() -> str:
    """The way out where what was named is neither."""
    return f"give a file, or a shipped policy: {', '.join(shipped.policy_names())}"

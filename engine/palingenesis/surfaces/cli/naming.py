"""A word of a known set that a person typed: the one that is meant, or which one might be."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches

import click
from click.shell_completion import CompletionItem

from palingenesis.core.errors import ExitCode, PalingenesisError
from palingenesis.runtime.foreign_text import plain

_MEANT_MOST = 12


class UnknownNameError(PalingenesisError):
    """Nothing has the name that was asked for."""

    exit_code = ExitCode.USAGE


class Word(click.ParamType[str]):
    """A word as it was typed; what it means is found later, where an error can say more."""

    def convert(  # noqa: D102
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        return str(value)


class KnownWord(Word):
    """A word of a known set; a shell completes it, `choose_name` finds what is meant."""

    def __init__(self, name: str, words: Callable[[], Iterable[str]]) -> None:
        """Take what it is called in help, and where its words come from once one is asked for."""
        self.name = name
        self._words = words

    def shell_complete(  # noqa: D102
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(one) for one in self._words() if one.startswith(incomplete)]


def choose_name(word: str, known: Iterable[str], *, what: str, hint: str) -> str:
    """The name that `word` is, in whatever case.

    Raises:
        UnknownNameError: there is none; it hints at the nearest one, or at those with the word in
            them, or else at `hint`.
    """
    names = {name.casefold(): name for name in known}
    folded = word.strip().casefold()
    if folded in names:
        return names[folded]
    close = get_close_matches(folded[:80], names, n=1, cutoff=0.6)
    says_something = any(char.isalnum() for char in folded)
    parts = [name for key, name in names.items() if says_something and folded in key]
    way_out = hint
    if 0 < len(parts) <= _MEANT_MOST:
        way_out = f"there {'is' if len(parts) == 1 else 'are'} {', '.join(parts)}"
    elif close:
        way_out = f"did you mean '{names[close[0]]}'?"
    raise UnknownNameError(f"there is no {what} '{plain(word, 60)}'", hint=way_out)

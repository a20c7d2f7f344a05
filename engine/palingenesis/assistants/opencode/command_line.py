"""What a command line of OpenCode says: which program it is, and what it was told to open."""

from collections.abc import Sequence
from dataclasses import dataclass

_NOT_A_PROGRAM_OF_HERS = frozenset(
    {"serve", "web", "attach", "acp"}  # servers, and clients of servers
    | {"auth", "providers", "agent", "models", "stats", "export", "import", "upgrade", "uninstall"}
    | {"mcp", "github", "pr", "session", "debug", "db", "plugin", "completion", "console"}
)
_SERVERS = frozenset({"serve", "web", "acp"})
_WITH_VALUE = frozenset({"-s", "--session", "-m", "--model", "--agent", "--prompt", "-p", "--port"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What a command line says."""

    is_run: bool = False
    """`opencode run`: one prompt, then the end."""
    project: str = ""
    """The directory it was given; "" is its working directory."""
    session: str = ""
    """The session it was told to open."""


def read_command(command: Sequence[str]) -> Program | None:
    """What a command line of OpenCode runs; None: nothing that holds sessions of its own."""
    words = list(command[1:])
    session, plain = "", []
    while words:
        word = words.pop(0)
        name, _, value = word.partition("=")
        if name in {"-s", "--session"}:
            session = value or (words[0] if words else "")
        if word in _WITH_VALUE and words:
            words.pop(0)
        elif word in {"-h", "--help", "-v", "--version"}:
            return None
        elif not word.startswith("-"):
            plain.append(word)
    first = plain[0] if plain else ""
    if first in _NOT_A_PROGRAM_OF_HERS:
        return None
    if first == "run":
        return Program(is_run=True, session=session)
    return Program(project=first, session=session)


def holds_sessions(command: Sequence[str]) -> bool:
    """Whether what a command line runs has sessions in its own process: a program, or a server."""
    return read_command(command) is not None or bool(_SERVERS & set(command[1:3]))

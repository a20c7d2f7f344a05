"""A person's commands in the words that she types."""

from palingenesis.core import commands


def typed(command: commands.Command) -> str:
    """A command as it is typed, and its answer, if it is one."""
    match command:
        case commands.Hold():
            return "pause"
        case commands.Release():
            return "resume"
        case commands.Renew():
            return "new-session"
        case commands.ActAgain():
            return "act-again"
        case commands.Greeted():
            return "told of the first save"
        case commands.Order():
            return command.what
        case commands.Answer():
            return f"{'yes' if command.yes else 'no'} to {command.question}"
        case commands.Abort() | commands.Skip() | commands.Enrol() | commands.Detach():
            return type(command).__name__.lower()

"""The command line's trunk: its commands by name, its errors, its colours, its exit codes.

A command's module is imported only when that command runs, because start-up is a promise.
"""

import contextlib
import errno
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from palingenesis.core.errors import ExitCode, PalingenesisError
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.lazy import LazyGroup, Sections
from palingenesis.surfaces.cli.letters import use_what_there_is

SECTIONS: Sections = {
    "Watch": {
        "status": ("status:status", "What every session is doing, and what comes next."),
        "attach": ("attach:attach", "A live screen of the same, with keys."),
        "health": ("health:health", "One word for scripts: healthy, degraded, down; and why."),
        "sessions": ("status:sessions", "All sessions: supervised, observed, enrolable."),
        "events": ("events:events", "What happened; also with the daemon down."),
        "logs": ("logs:logs", "The daemon's own log; also with the daemon down."),
        "metrics": ("metrics:metrics", "The figures for Prometheus and other programs."),
        "explain": ("explain:explain", "Why it decided that; also with the daemon down."),
        "inspect": ("inspecting:inspect", "Everything known of a session; also with it down."),
        "report": ("report:report", "The night or the week: what was saved, what waits for you."),
        "replay": ("replay:replay", "Do all recorded decisions come out the same again?"),
        "open": ("opening:open_session", "Open OpenCode's own screen on the managed server."),
    },
    "Steer": {
        "pause": ("steering:pause", "Stop acting, keep watching."),
        "resume": ("steering:resume", "Act again."),
        "abort": ("steering:abort", "End a session's turn and leave it alone from now on."),
        "skip": ("steering:skip", "Leave the current step of the work, go on with the next."),
        "new-session": ("steering:new_session", "Continue the work in a new session."),
        "answer": ("answering:answer", "Answer a question that a rule asks."),
        "enrol": ("steering:enrol", "Supervise a session."),
        "detach": ("steering:detach", "Leave a session alone."),
    },
    "Set up": {
        "doctor": ("checkup:doctor", "Whether everything is in order, with a way out for each."),
        "preflight": ("checkup:preflight", "Will this night go well? Go, or no-go."),
        "daemon": ("daemon:daemon", "Run, start, stop, restart, reload the daemon."),
        "service": ("service:service", "Let systemd or launchd run the daemon."),
        "config": ("config:config", "See, check and change the configuration."),
        "monitors": ("monitors:monitors", "Which assistants there are, and are supervised."),
        "integrate": (
            "integrate:integrate",
            "Let the daemon into your own OpenCode, or out again.",
        ),
        "policy": ("policy:policy", "Check, show and rehearse policies."),
        "demo": ("demo:demo", "A whole night in under a minute, without account or network."),
        "wait": ("waiting:wait", "Wait until the daemon answers."),
    },
    "Look up": {
        "help": ("lessons:show_help", "A command's help; pages: exit-codes, environment, formats."),
        "man": ("manual:man", "The manual page of a command, or of all."),
        "explain-code": ("explain_code:explain_code", "What a diagnostic such as E009 means."),
        "completion": ("completion:completion", "The script that makes a shell complete words."),
    },
}
"""Every command: its section, where it lives, and its one line of help."""

_WIDTH_UNKNOWN = 80
_WIDTH_LEAST = 28
_WIDTH_MOST = 100

EXAMPLES = """\b
Examples:
  palingenesis demo                    see what it does
  palingenesis daemon start            begin to watch
  palingenesis open                    work in OpenCode on the watched server
  palingenesis events --since 8h       what happened tonight
  palingenesis explain                 why it did what it did last
"""


def _say_version(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:
    if asked:
        from palingenesis import __version__

        click.echo(f"palingenesis {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    sections=SECTIONS,
    invoke_without_command=True,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--debug", is_flag=True, help="Show where an error came from.")
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_say_version,
    help="Show the version.",
)
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Keeps coding agents working while nobody watches, and never makes things worse.

    Without a command: the status, or the first steps.
    """
    desk = ctx.ensure_object(Desk)
    desk.debug = debug
    if ctx.invoked_subcommand is None:
        from palingenesis.surfaces.cli.status import show_overview

        show_overview(desk)


def run(args: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Run the command line and return its exit code; errors are on stderr by then."""
    if "_PALINGENESIS_COMPLETE" in environ or "_PALIN_COMPLETE" in environ:
        cli.main(prog_name="palin" if "_PALIN_COMPLETE" in environ else "palingenesis")
    use_what_there_is()
    desk = Desk(environ=environ)
    try:
        return _run(list(args), desk)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  the last edge
        return told(error, desk)


def told(ended_by: Exception | KeyboardInterrupt, desk: Desk) -> int:
    """Tell a person why a command ended, in a line and not in a traceback; returns its code."""
    match ended_by:
        case PalingenesisError():
            if desk.debug:
                _show_traceback()
            return tell_error(ended_by)
        case ExceptionGroup():
            return _tell_group(ended_by, desk)
        case click.Abort() | KeyboardInterrupt():
            return ExitCode.INTERRUPTED
        case click.exceptions.NoArgsIsHelpError():
            click.echo(ended_by.format_message(), err=True)
            return ExitCode.USAGE
        case click.UsageError():
            hint = f"{ended_by.ctx.command_path} --help" if ended_by.ctx else ""
            _tell(_lowered(ended_by.format_message()), hint)
            return ExitCode.USAGE
        case click.ClickException():
            _tell(_lowered(ended_by.format_message()))
            return ExitCode.FAILURE
        case BrokenPipeError():
            _let_stdout_go()
            return ExitCode.OK
        case OSError(errno=errno.ENOSPC | errno.EIO | errno.EBADF):
            why = (ended_by.strerror or str(ended_by)).lower()
            _tell(f"the output cannot be written: {why}")
            _let_stdout_go()
            return ExitCode.FAILURE
        case _:
            return _tell_mistake(ended_by, desk)


def _tell_group(group: ExceptionGroup[Exception], desk: Desk) -> int:
    """Tell what ended several tasks at once: an error of ours, if there is one among them."""
    meant = group.subgroup(PalingenesisError)
    error = _first(meant if meant is not None else group)
    if not isinstance(error, PalingenesisError):
        return _tell_mistake(error, desk)
    if desk.debug:
        _show_traceback()
    return tell_error(error)


def _first(group: ExceptionGroup[Exception]) -> Exception:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, ExceptionGroup) else inner


def _tell_mistake(error: BaseException, desk: Desk) -> int:
    if desk.debug:
        _show_traceback()
    _tell(
        f"a mistake in palingenesis: {type(error).__name__}: {plain(str(error))}",
        "run it again as 'palingenesis --debug …' and report what it shows",
    )
    return ExitCode.FAILURE


def tell_error(error: PalingenesisError) -> int:
    """Tell an error on stderr, its problems first; returns its exit code."""
    for problem in getattr(error, "problems", ()):
        click.echo("\n".join(_shown(line, 500) for line in problem.splitlines()), err=True)
    _tell(error.message, error.hint)
    return int(error.exit_code)


def _run(args: list[str], desk: Desk) -> int:
    settings: dict[str, Any] = {
        "obj": desk,
        "color": wanted_color(desk.environ),
        "terminal_width": text_width(desk.environ),
    }
    try:
        with cli.make_context("palingenesis", args, **settings) as context:
            result = cli.invoke(context)
            if sys.stdout is not None:  # a caller may have closed it
                sys.stdout.flush()
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    return result if isinstance(result, int) else ExitCode.OK


def wanted_color(environ: Mapping[str, str]) -> bool | None:
    """Whether to colour: NO_COLOR and TERM=dumb say no, FORCE_COLOR says yes, else the terminal."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return False if environ.get("TERM") == "dumb" else None


def text_width(environ: Mapping[str, str]) -> int:
    """How wide help may be: as the terminal is, within what can be read; click begins at 50."""
    columns = environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns[:6]) > 0:
        wide = int(columns[:6])
    else:
        wide = _WIDTH_UNKNOWN
        with contextlib.suppress(OSError, ValueError, AttributeError):
            wide = os.get_terminal_size(sys.stdout.fileno()).columns or _WIDTH_UNKNOWN
    return max(_WIDTH_LEAST, min(wide, _WIDTH_MOST) - 2)


def _tell(message: str, hint: str = "") -> None:
    with contextlib.suppress(BrokenPipeError):
        click.echo(f"error: {_shown(message, 1000)}", err=True)
        if hint:
            click.echo(f"hint: {_shown(hint, 500)}", err=True)


def _shown(text: str, most: int) -> str:
    """The text without secrets, on one line."""
    from palingenesis.wire.redaction import redact

    return plain(redact(text), most)


def _lowered(message: str) -> str:
    text = " ".join(message.split()).rstrip(".")
    return text[:1].lower() + text[1:]


def _show_traceback() -> None:
    import traceback

    for line in traceback.format_exc().splitlines():
        click.echo(_shown(line, 500), err=True)


def _let_stdout_go() -> None:
    """Whoever read our output left; nothing more must be written, not even at exit."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)

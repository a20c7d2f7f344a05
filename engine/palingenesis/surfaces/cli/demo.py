"""`demo`: a whole night in under a minute, without account, network or agent."""

import contextlib
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from palingenesis.core.errors import ExitCode, PalingenesisError
from palingenesis.runtime.spans import say_span
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.examples import examples
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.app.demo import Cast, Morning
    from palingenesis.demo.telling import Told

_WIDTH_MAX: Final = 100
_WIDTH_MIN: Final = 60

_MARKS: Final[Mapping[str, tuple[str, str, str]]] = {
    "start": ("·", ".", "bright_black"),
    "policy": ("·", ".", "bright_black"),
    "up": ("▲", "^", "green"),
    "down": ("▼", "v", "red"),
    "idle": ("·", ".", "bright_black"),
    "begins": ("▶", ">", "green"),
    "work": ("▪", "-", "blue"),
    "stop": ("✗", "x", "red"),
    "block": ("?", "?", "magenta"),
    "person": ("☺", "@", "magenta"),
    "rule": ("§", "=", "cyan"),
    "keep": ("§", "=", "cyan"),
    "revise": ("§", "=", "cyan"),
    "cancel": ("§", "=", "yellow"),
    "rail": ("#", "#", "red"),
    "tell": ("»", "!", "magenta"),
    "did": ("→", "*", "green"),
    "outcome": ("✗", "x", "yellow"),
    "wait": ("…", "~", "yellow"),
    "works": ("✓", "+", "green"),
    "end": ("■", "#", "blue"),
}
"""By word: its mark, the same in ASCII, its colour."""

_ASCII: Final = str.maketrans(
    {
        "\N{LEFT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{EN DASH}": "-",
        "\N{EM DASH}": "-",
        "\N{HORIZONTAL ELLIPSIS}": "...",
        "\N{MIDDLE DOT}": "-",
    }
)

NEXT: Final = (
    ("palingenesis daemon start", "begin to watch"),
    ("palingenesis open", "work on the watched server"),
    ("palingenesis policy show", "the policy that you saw at work"),
    ("palingenesis policy validate my.yaml", "check one of your own"),
    ("palingenesis policy simulate --reason quota", "rehearse it before the night"),
)


@click.command(epilog=examples("demo", "demo --json"))
@click.option("--json", "as_json", is_flag=True, help="No timeline; the night's facts as JSON.")
@click.option("--keep", "keeps", is_flag=True, help="Keep the folder with journal and backups.")
@click.pass_obj
def demo(desk: Desk, as_json: bool, keeps: bool) -> int:
    """A whole night in fast motion, with the real daemon code and the shipped policy.

    It plays on your OpenCode if it is installed, with a scripted model; otherwise on a stand-in.
    Everything happens in a folder of its own that is removed afterwards.
    Exit code 0: the night ended as it should; 1: it did not, and it says where.
    """
    from palingenesis.app import run_demo

    show = Silence() if as_json else Timeline(desk.environ)
    morning = run_demo(
        environ=desk.environ,
        executable=_configured(desk),
        show=show,
        keeps=keeps,
        debug=desk.debug,
    )
    if isinstance(show, Silence):
        say_json(as_facts(morning, show.lines))
    else:
        show.morning(morning)
    return ExitCode.OK if morning.is_good else ExitCode.FAILURE


class Silence:
    """Watches a night without a word, and remembers it."""

    def __init__(self) -> None:
        self.lines: list[Told] = []

    def begins(self, cast: "Cast", at: datetime, home: Path) -> None:
        """Say nothing."""

    def line(self, told: "Told") -> None:
        """Remember it."""
        self.lines.append(told)


class Timeline:
    """Prints a night while it happens."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        columns = shutil.get_terminal_size().columns - 1
        self._width = max(_WIDTH_MIN, min(columns, _WIDTH_MAX))
        encoding = (sys.stdout.encoding or "").lower().replace("-", "")
        self._is_rich = encoding == "utf8" and not _is_c_locale(environ)
        self._about = ""
        self._home = ""

    def begins(self, cast: "Cast", at: datetime, home: Path) -> None:
        """Who plays tonight, and where."""
        self._home = f"{home}/"
        self._say(click.style("palingenesis demo: a night in fast motion", bold=True))
        if cast.is_real:
            who = f"the real one, {cast.version}, at {cast.program}"
        else:
            who = f"the stand-in that ships with palingenesis, {cast.version} ({cast.why})"
        rows = (
            ("OpenCode", who),
            ("model", "scripted, on this machine: no account, no network"),
            ("policy", "the shipped default, unchanged"),
            ("clock", f"begins at {at:%H:%M} UTC and jumps over the waits"),
            ("folder", str(home)),
        )
        for name, text in rows:
            self._paragraph(f"  {name:<10}", click.style(f"  {name:<10}", fg="cyan"), text)
        self._say()

    def line(self, told: "Told") -> None:
        """One line of the night."""
        if told.word == "time":
            self._jump(told)
            return
        if told.about and told.about != self._about:
            self._say()
            quoted = f"“{told.about}”"
            self._say(click.style(f"  {self._safe(quoted)}", bold=True))
            self._about = told.about
        elif told.word in {"stop", "down"}:
            self._say()
        rich, ascii_, color = _MARKS.get(told.word, ("·", ".", "white"))
        mark = rich if self._is_rich else ascii_
        plain_head = f"{told.at:%H:%M:%S}  {mark} {told.word:<7} "
        time = click.style(f"{told.at:%H:%M:%S}", fg="bright_black")
        head = f"{time}  {click.style(f'{mark} {told.word:<7}', fg=color)} "
        text = f"{told.rule}: {told.text}" if told.word == "rule" else told.text
        self._paragraph(plain_head, head, text, strong=told.rule if told.word == "rule" else "")

    def morning(self, morning: "Morning") -> None:
        """The summary, the verdict, and what to type next."""
        self._say()
        self._say(click.style(f"The morning, {morning.ended_at:%H:%M} UTC", bold=True))
        for name, text in _summary(morning):
            self._paragraph(f"  {name:<16}", click.style(f"  {name:<16}", fg="cyan"), text)
        self._say()
        good = sum(1 for one in morning.expectations if one.holds)
        self._say(
            click.style(f"Was it a good night? {good} of {len(morning.expectations)}", bold=True)
        )
        for one in morning.expectations:
            mark = ("✓" if one.holds else "✗") if self._is_rich else ("+" if one.holds else "x")
            text = one.what if one.holds else f"{one.what}; instead: {one.instead}"
            color = "green" if one.holds else "red"
            self._paragraph(f"  {mark} ", click.style(f"  {mark} ", fg=color), text)
        self._say()
        if morning.kept_in is not None:
            self._say(f"The night's journal and backups are in {morning.kept_in}")
        else:
            self._say("The night's folder is removed; --keep keeps it.")
        self._say("Now your own nights:")
        for command, what in NEXT:
            self._say(f"  {click.style(f'{command:<44}', fg='cyan')} {what}")

    def _jump(self, told: "Told") -> None:
        line = "─" if self._is_rich else "-"
        label = f" {told.text} "
        left = line * 8
        right = line * max(self._width - len(left) - len(label), 3)
        self._say(click.style(f"{left}{label}{right}", fg="yellow"))

    def _paragraph(self, head: str, styled: str, text: str, *, strong: str = "") -> None:
        """A head, and a text that is wrapped beside it."""
        room = max(self._width - len(head), 20)
        text = text.replace(self._home, "…/") if self._home else text
        lines = textwrap.wrap(self._safe(text), room, break_on_hyphens=False) or [""]
        if strong and lines[0].startswith(strong):
            lines[0] = click.style(strong, bold=True) + lines[0][len(strong) :]
        self._say(f"{styled}{lines[0]}")
        for line in lines[1:]:
            self._say(" " * len(head) + line)

    def _safe(self, text: str) -> str:
        if self._is_rich:
            return text
        return text.translate(_ASCII).encode("ascii", "replace").decode()

    def _say(self, line: str = "") -> None:
        click.echo(line)


def _is_c_locale(environ: Mapping[str, str]) -> bool:
    """Whether the person asked for the C locale; Python itself writes UTF-8 there."""
    named = (environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    return next((name for name in named if name), "") in {"C", "POSIX"}


def as_facts(morning: "Morning", lines: "Sequence[Told]") -> dict[str, object]:
    """The night's facts, for scripts."""
    saved = morning.savings
    cast = morning.cast
    return {
        "schema_version": 1,
        "good": morning.is_good,
        "opencode": {
            "real": cast.is_real,
            "version": cast.version,
            "program": cast.program,
            "why": cast.why,
        },
        "began_at": morning.began_at.isoformat(),
        "ended_at": morning.ended_at.isoformat(),
        "took_s": round(morning.took_s, 1),
        "stops": dict(saved.stops),
        "saves": saved.saves,
        "handed_over": saved.handed_over,
        "success_rate": saved.success_rate,
        "waited_s": round(saved.waited.total_seconds(), 1),
        "prompts": saved.prompts,
        "reruns": saved.reruns,
        "restarts": saved.restarts,
        "notices": saved.notices,
        "backups": list(saved.backups),
        "provider": {
            "requests": morning.requests,
            "prompts_by_people": morning.prompts_by_people,
            "prompts_by_us": morning.prompts_by_us,
        },
        "needs_a_person": [{"title": title, "why": why} for title, why in morning.needs_a_person],
        "expectations": [
            {"what": one.what, "holds": one.holds, "instead": one.instead}
            for one in morning.expectations
        ],
        "timeline": [
            {
                "at": one.at.isoformat(),
                "session": one.about,
                "word": one.word,
                "rule": one.rule,
                "text": one.text,
            }
            for one in lines
        ],
        "kept_in": str(morning.kept_in) if morning.kept_in is not None else None,
    }


def _summary(morning: "Morning") -> Iterator[tuple[str, str]]:
    saved = morning.savings
    reasons = ", ".join(f"{reason} {count}" for reason, count in saved.stops.items())
    yield "stops", f"{saved.stopped} ({reasons})" if reasons else "none"
    rate = "" if saved.success_rate is None else f", {saved.success_rate:.0%} of what was answered"
    yield "saves", f"{saved.saves} stops became work again without a person{rate}"
    yield "time waited", say_span(saved.waited)
    ours, theirs = morning.prompts_by_us, morning.prompts_by_people
    counted = f"{ours} by palingenesis, {theirs} by the person (counted at the provider)"
    yield "prompts sent", counted
    yield (
        "without a word",
        f"{saved.reruns} {'turn' if saved.reruns == 1 else 'turns'} run again as before",
    )
    yield "model requests", str(morning.requests)
    yield "restarts", str(saved.restarts)
    yield "notices", f"{saved.notices} (no channel is configured in the demo)"
    for path in saved.backups:
        yield "backup", path
    needs = "; ".join(f"{title}: {why}" for title, why in morning.needs_a_person)
    yield "needs a person", needs or "nothing"
    night = say_span(morning.ended_at - morning.began_at)
    yield "the night", f"{night}, in {morning.took_s:.0f} s"


def _configured(desk: Desk) -> str | None:
    """The program that the person configured; a broken configuration does not spoil the demo."""
    from palingenesis.runtime.config_file import load_config

    with contextlib.suppress(PalingenesisError):
        return load_config(desk.paths).opencode.executable
    return None

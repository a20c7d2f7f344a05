"""`replay`: the journal through the kernel again; does everything come out as it was recorded?"""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from palingenesis.core.errors import ExitCode
from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.given_policy import PolicyWord, read_policy
from palingenesis.surfaces.cli.whole import Whole
from palingenesis.surfaces.cli.wording import count_of, say_json

if TYPE_CHECKING:
    from palingenesis.core.policy.model import Policy
    from palingenesis.journal import ReadOnlyJournal
    from palingenesis.runtime.replaying import Difference, Replayed

_TOLD_MOST: Final = 10
"""Differences that are told to people; --json has more."""
_VALUE_MOST: Final = 200
_TELL_EVERY: Final = timedelta(seconds=2)
_WHO: Final = ("id", "kind", "rule", "session")
"""What of a decision or an effect says which one it is."""

EXAMPLES = """\b
Examples:
  palingenesis replay
  palingenesis replay --from 4000 --json
  palingenesis replay --policy my.next.yaml
"""


@click.command(short_help="Do all decisions come out the same again?", epilog=EXAMPLES)
@click.option(
    "--from", "first", type=Whole(1), metavar="SEQ", help="Only entries from that one on."
)
@click.option("--policy", type=PolicyWord(), help="What another policy would have decided instead.")
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_context
def replay(ctx: click.Context, first: int | None, policy: str | None, as_json: bool) -> None:
    """Put the journal through the kernel again, and show what comes out otherwise.

    Every recorded decision, with all its fields, and every effect has to come out the same.
    Nothing is written and nothing is done, with the daemon up or down. Exit code 1 when something
    differs, or when entries are damaged.
    """
    from palingenesis.surfaces.cli.journal_reading import note_removed, open_journal

    after = (first or 1) - 1
    with open_journal(ctx.ensure_object(Desk).paths) as journal:
        if (removed := journal.removed()) is not None and after < removed.through:
            note_removed(removed.until, removed.at)
        if policy is None:
            is_same = _replay(journal, after, as_json=as_json)
        else:
            is_same = _under_another(journal, after, policy, as_json=as_json)
    if not is_same:
        ctx.exit(ExitCode.FAILURE)


def _replay(journal: "ReadOnlyJournal", after: int, *, as_json: bool) -> bool:
    from palingenesis.runtime.replaying import replay as put_through

    found = put_through(journal, after, _progress(journal.last_seq()))
    if as_json:
        say_json(_document(found))
    else:
        click.echo("\n".join(_lines(found)))
        for warning in _warnings(found):
            click.echo(f"warning: {warning}", err=True)
    return not (found.different or found.damaged or found.missing or found.broken)


def _under_another(journal: "ReadOnlyJournal", after: int, word: str, *, as_json: bool) -> bool:
    """What `policy diff --history` tells of two policies, told of the recorded ones and this."""
    from palingenesis.core.policy.build import build
    from palingenesis.core.policy.index import indexed
    from palingenesis.runtime.pasts import pasts
    from palingenesis.runtime.recovery import NOTHING_YET
    from palingenesis.simulation.history import AsItWas, compare
    from palingenesis.surfaces.cli.history_diff import as_document, as_text
    from palingenesis.surfaces.cli.usable_policy import usable_given

    other = usable_given(read_policy(word))
    oldest = next(iter(journal.entries(after, limit=1)), None)
    if oldest is None:
        click.echo("nothing was decided yet", err=True)
        return True

    def find(digest: str) -> "Policy | None":
        kept = journal.policy(digest)
        return indexed(build(kept[1])) if kept is not None else None

    before = AsItWas(indexed(build(NOTHING_YET)), find)
    found = compare(pasts(journal.entries(after, decided=True)), before, indexed(other))
    if as_json:
        say_json(as_document(found, oldest.event.at, len(journal.skipped)))
    else:
        click.echo(as_text(found, oldest.event.at), nl=False)
        if journal.skipped:
            click.echo(f"warning: {len(journal.skipped)} damaged entries were left out", err=True)
    return not found.different


def _progress(last: int) -> Callable[[int], None]:
    """Tell on stderr how far it is, every two seconds; nothing of what is soon done."""
    from palingenesis.runtime.clock import SystemClock

    clock = SystemClock()
    told_at = clock.now()

    def tell(seq: int) -> None:
        nonlocal told_at
        if seq % 100 == 0 and (now := clock.now()) - told_at >= _TELL_EVERY:
            told_at = now
            click.echo(f"entry {seq} of {last}", err=True)

    return tell


# ── as text ───────────────────────────────────────────────────────────────────────────────────


def _lines(found: "Replayed") -> Iterator[str]:
    if not found.entries:
        yield "nothing was replayed: there is no entry that fits"
        return
    number = found.different
    said = "every one came out the same" if not number else f"{count_of(number, 'difference')}"
    yield f"{_counted(found)}: {said}"
    for one in found.differences[:_TOLD_MOST]:
        yield ""
        yield from _told(one)
    if number > _TOLD_MOST:
        yield f"\n… and {number - _TOLD_MOST} more: palingenesis replay --json"


def _counted(found: "Replayed") -> str:
    began = f", from the snapshot after entry {found.snapshot}" if found.snapshot else ""
    return (
        f"entries {found.first} to {found.last}{began} · {count_of(found.decisions, 'decision')}, "
        f"{count_of(found.effects, 'effect')}, {count_of(found.snapshots, 'snapshot')}"
    )


def _told(one: "Difference") -> Iterator[str]:
    known = one.recorded or one.now or {}
    who = " ".join(plain(str(known[name]), 60) for name in _WHO if known.get(name) is not None)
    doubt = "   ~ entries before it are lost" if one.after_damage else ""
    at = one.at.astimezone()
    yield f"entry {one.seq} · {at:%Y-%m-%d %H:%M:%S} · {one.event} · {one.what} {who}{doubt}"
    if one.recorded is None or one.now is None:
        yield "  - recorded  nothing" if one.recorded is None else "  + now       nothing"
        return
    for name in one.fields:
        yield f"  - {plain(name)}: {_shown(one.recorded.get(name))}"
        yield f"  + {plain(name)}: {_shown(one.now.get(name))}"


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return plain(text, _VALUE_MOST)


def _warnings(found: "Replayed") -> Iterator[str]:
    if found.damaged:
        yield f"damaged, and left out: entries {_numbers(found.damaged)}"
    for first, last in found.missing:
        yield f"not there: entries {first} to {last}"
    if found.unchecked:
        yield f"not checked, up to the next snapshot: {found.unchecked} entries"

    if found.broken:
        yield f"a mistake in palingenesis broke {found.broken} of these turns: {plain(found.broke)}"


def _numbers(seqs: tuple[int, ...]) -> str:
    shown = ", ".join(str(seq) for seq in seqs[:_TOLD_MOST])
    return f"{shown} and {len(seqs) - _TOLD_MOST} more" if len(seqs) > _TOLD_MOST else shown


# ── as JSON ───────────────────────────────────────────────────────────────────────────────────


def _document(found: "Replayed") -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "first": found.first,
        "last": found.last,
        "snapshot": found.snapshot or None,
        "entries": found.entries,
        "decisions": found.decisions,
        "effects": found.effects,
        "snapshots": found.snapshots,
        "different": found.different,
        "damaged_entries": list(found.damaged),
        "missing_entries": [list(stretch) for stretch in found.missing],
        "unchecked_entries": found.unchecked,
        "broken_turns": found.broken,
        "differences": [
            {
                "seq": one.seq,
                "at": one.at.isoformat().replace("+00:00", "Z"),
                "event": one.event,
                "what": one.what,
                "fields": list(one.fields),
                "recorded": one.recorded,
                "now": one.now,
                "after_damage": one.after_damage,
            }
            for one in found.differences
        ],
    }

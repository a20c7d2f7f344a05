"""What effects promise follows from what the assistant offers; the page in the docs says the same.

`REWRITE=1 pytest tests/core/test_contract.py` prints the table into docs/reference/effects.md anew.
"""

import os
from pathlib import Path
from typing import get_args

import pytest

from palingenesis.assistants.opencode.offers import OPENCODE
from palingenesis.core.contract import KINDS, Kind, Offers, Promise, promise_of, when_unknown
from palingenesis.core.effects import (
    Compact,
    Effect,
    Interrupt,
    NewSession,
    Notify,
    Restart,
    Resume,
    Run,
)
from palingenesis.core.values import Way

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "effects.md"
BEGIN, END = "<!-- printed from the registry: begin -->\n", "<!-- end -->\n"
REGISTRY: dict[str, Offers] = {f"OpenCode, {way}": offers for way, offers in OPENCODE.items()}
REGISTRY["a command line without keys"] = Offers(acts=True, owns_process=True)


def kind_name(kind: Kind) -> str:
    word = "".join(f"-{c.lower()}" if c.isupper() else c for c in kind.__name__)
    return word.lstrip("-")


def offered() -> str:
    names = list(Offers.__dataclass_fields__)
    head = ["| what it offers |", *(f" {who} |" for who in REGISTRY)]
    rows = ["".join(head), "|---|" + "---|" * len(REGISTRY)]
    rows += [
        f"| {name.replace('_', ' ')} |"
        + "".join(f" {'yes' if getattr(one, name) else 'no'} |" for one in REGISTRY.values())
        for name in names
    ]
    return "\n".join(rows) + "\n"


def promised() -> str:
    rows = ["| effect |" + "".join(f" {who} |" for who in REGISTRY)]
    rows.append("|---|" + "---|" * len(REGISTRY))
    rows += [
        f"| `{kind_name(kind)}` |"
        + "".join(f" {promise_of(kind, one)} |" for one in REGISTRY.values())
        for kind in KINDS
    ]
    return "\n".join(rows) + "\n"


def unknown() -> str:
    rows = ["| promise | effects | when nobody saw how it ended |", "|---|---|---|"]
    met: dict[tuple[Promise, str], list[str]] = {}
    for one in REGISTRY.values():
        for kind in KINDS:
            key = (promise_of(kind, one), when_unknown(kind, one).value)
            names = met.setdefault(key, [])
            if f"`{kind_name(kind)}`" not in names:
                names.append(f"`{kind_name(kind)}`")
    rows += [
        f"| {promise} | {' '.join(names)} | {then} |" for (promise, then), names in met.items()
    ]
    return "\n".join(rows) + "\n"


def printed() -> str:
    return "\n".join((offered(), promised(), unknown()))


def test_the_page_is_printed_from_the_registry():
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    text = f"{before}{BEGIN}{printed()}{END}{after}"
    if os.environ.get("REWRITE"):
        PAGE.write_text(text, encoding="utf-8")

    assert PAGE.read_text(encoding="utf-8") == text, "run this test with REWRITE=1"


def test_every_kind_of_effect_has_its_promise():
    assert set(KINDS) == set(get_args(Effect))
    assert len(KINDS) == len(set(KINDS))


KEYED = OPENCODE[Way.MANAGED]
KEYLESS = Offers(acts=True)


@pytest.mark.parametrize(
    ("kind", "offers", "promise"),
    [
        (Resume, KEYED, Promise.EFFECTIVELY_ONCE),
        (Resume, KEYLESS, Promise.AT_MOST_ONCE),
        (Resume, Offers(), Promise.NOT_OFFERED),
        (NewSession, KEYED, Promise.EFFECTIVELY_ONCE),
        (NewSession, Offers(acts=True, prompt_key=True), Promise.AT_MOST_ONCE),
        (Compact, KEYLESS, Promise.AT_MOST_ONCE),
        (Interrupt, KEYLESS, Promise.IDEMPOTENT),
        (Restart, KEYLESS, Promise.NOT_OFFERED),
        (Restart, OPENCODE[Way.ATTACHED], Promise.NOT_OFFERED),
        (Run, KEYED, Promise.AT_MOST_ONCE),
        (Notify, Offers(), Promise.AT_LEAST_ONCE),
    ],
)
def test_a_promise_follows_from_the_kind_and_from_what_is_offered(
    kind: Kind, offers: Offers, promise: Promise
):
    assert promise_of(kind, offers) is promise


def test_nothing_is_promised_that_was_not_declared():
    acting = [kind for kind in KINDS if promise_of(kind, Offers()) is not Promise.NOT_OFFERED]

    assert [kind_name(kind) for kind in acting] == ["run", "notify", "log"]


def test_what_is_promised_at_most_once_is_never_begun_again_unseen():
    for kind in KINDS:
        for offers in (*REGISTRY.values(), KEYLESS, Offers(acts=True, key_query=True)):
            if promise_of(kind, offers) is Promise.AT_MOST_ONCE:
                assert when_unknown(kind, offers).name in {"LEAVE", "ASK"}

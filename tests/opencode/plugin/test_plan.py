"""What is to be done about the plugin's file, whatever lies in its place."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from palingenesis.assistants.opencode.plugin_plan import (
    Deed,
    Place,
    Standing,
    differences,
    plan_installation,
    plan_removal,
    standing_of,
)
from palingenesis.assistants.opencode.plugin_text import (
    filled_in,
    read_installed,
    shipped,
    version_of,
)
from palingenesis.core.errors import InvalidConfigError, PalingenesisError

PATH = Path("/home/ada/.config/opencode/plugin/palingenesis.js")
SOCKET = Path("/run/user/1000/palingenesis/control.sock")
ELSEWHERE = Path("/home/ada/.local/state/palingenesis/run/control.sock")
TEXT = 'const VERSION = "7"\nconst SOCKET = ""\nexport const P = async () => ({})\n'
NEVER = PATH.with_name("nothing")


def place(text: str | None = None, **more: object) -> Place:
    return replace(Place(path=PATH, text=text), **more)  # type: ignore[arg-type]


def ours(*, version: int = 7, socket: Path = SOCKET, folders: int = 0) -> str:
    text = TEXT.replace('"7"', f'"{version}"')
    return filled_in(text, socket=socket, folders_made=folders)


# ── the text ──────────────────────────────────────────────────────────────────────────────────


def test_the_shipped_plugin_says_its_version_and_has_a_blank_for_the_socket():
    assert version_of(shipped()) >= 1
    assert shipped().count('\nconst SOCKET = ""\n') == 1


@pytest.mark.parametrize("text", ["", TEXT + 'const SOCKET = ""\n', TEXT.replace("VERSION", "V")])
def test_a_damaged_plugin_is_told_as_such(text: str):
    with pytest.raises(PalingenesisError, match="missing from this installation, or damaged"):
        version_of(text)


paths = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(Path)


@given(socket=paths, folders=st.integers(0, 99))
def test_an_installed_file_tells_all_that_was_filled_in(socket: Path, folders: int):
    found = read_installed(filled_in(TEXT, socket=socket, folders_made=folders))

    assert found is not None
    assert (found.version, found.socket, found.folders_made) == (7, str(socket), folders)
    assert found.is_intact


@given(at=st.integers(0), much=st.integers(0, 5), put=st.text(max_size=5))
def test_whatever_is_changed_in_it_is_seen(at: int, much: int, put: str):
    text = ours()
    cut = at % (len(text) + 1)
    changed = text[:cut] + put + text[cut + much :]
    assume(changed.rstrip("\n") != text.rstrip("\n"))

    found = read_installed(changed)

    assert found is None or not found.is_intact


def test_a_line_behind_ours_is_a_change_and_not_another_file():
    found = read_installed(ours() + "// mine\n")

    assert found is not None
    assert not found.is_intact


def test_a_socket_whose_path_is_no_text_is_refused():
    with pytest.raises(InvalidConfigError, match="is not UTF-8"):
        filled_in(TEXT, socket=Path("/home/\udcff/control.sock"), folders_made=0)


# ── what stands there ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("found", "standing"),
    [
        (place(), Standing.ABSENT),
        (place(ours()), Standing.CURRENT),
        (place(ours(folders=3)), Standing.CURRENT),
        (place(ours(version=6)), Standing.OUTDATED),
        (place(ours(version=8)), Standing.OUTDATED),
        (place(ours(socket=ELSEWHERE)), Standing.OUTDATED),
        (place(ours() + "// mine\n"), Standing.EDITED),
        (place(TEXT), Standing.FOREIGN),
        (place("export const Hers = async () => ({})\n"), Standing.FOREIGN),
        (place(""), Standing.FOREIGN),
        (place(is_odd=True), Standing.FOREIGN),
        (place(leads_to=NEVER), Standing.FOREIGN),
        (place(ours(), leads_to=NEVER), Standing.CURRENT),
    ],
)
def test_what_lies_there_has_one_word(found: Place, standing: Standing):
    assert standing_of(found, TEXT, SOCKET) is standing


def test_one_that_is_not_as_it_should_be_says_in_what():
    old = read_installed(ours(version=6, socket=ELSEWHERE))
    newer = read_installed(ours(version=8))
    assert old is not None
    assert newer is not None

    assert differences(old, TEXT, SOCKET) == (
        "version 6, older than 7, which this palingenesis has",
        f"for the socket {ELSEWHERE}, and the daemon's is {SOCKET}",
    )
    assert differences(newer, TEXT, SOCKET) == (
        "version 8, newer than 7, which this palingenesis has",
    )


# ── what is done ──────────────────────────────────────────────────────────────────────────────


def test_an_installation_remembers_in_the_file_which_folders_were_made_for_it():
    missing = (PATH.parent, PATH.parent.parent)

    plan = plan_installation(place(missing=missing), TEXT, SOCKET)

    assert (plan.deed, plan.before, plan.folders) == (Deed.INSTALL, "", missing)
    assert plan.after == ours(folders=2)


def test_what_is_as_it_should_be_is_left_as_it_is():
    plan = plan_installation(place(ours(folders=1)), TEXT, SOCKET)

    assert (plan.deed, plan.before) == (Deed.NOTHING, plan.after)


@pytest.mark.parametrize("old", [ours(version=6, folders=2), ours(socket=ELSEWHERE, folders=2)])
def test_an_update_keeps_in_mind_which_folders_were_made(old: str):
    plan = plan_installation(place(old), TEXT, SOCKET)

    assert (plan.deed, plan.before, plan.after) == (Deed.UPDATE, old, ours(folders=2))
    assert plan.folders == ()


def test_a_removal_takes_the_folders_along_that_were_made_and_no_others():
    assert plan_removal(place(ours(folders=2))).folders == (PATH.parent, PATH.parents[1])
    assert plan_removal(place(ours(version=6))).folders == ()
    assert plan_removal(place(ours(version=6))).deed is Deed.REMOVE


def test_nothing_there_is_nothing_to_remove():
    assert plan_removal(place()).deed is Deed.NOTHING


@pytest.mark.parametrize(
    ("found", "said", "hint"),
    [
        (place("// hers\n"), "is not ours", "move it away: mv "),
        (place(is_odd=True), "is not ours", "move it away: mv "),
        (place(ours() + "// mine\n"), "was changed by hand", "move it away: mv "),
        (place(ours(version=6), leads_to=NEVER), f"is a link to {NEVER}", "remove the link: rm "),
        (place(leads_to=NEVER), f"is a link to {NEVER}", "remove the link: rm "),
    ],
)
def test_what_is_not_ours_is_neither_replaced_nor_removed(found: Place, said: str, hint: str):
    with pytest.raises(PalingenesisError, match=said) as installing:
        plan_installation(found, TEXT, SOCKET)
    with pytest.raises(PalingenesisError, match=said) as removing:
        plan_removal(found)

    assert hint in installing.value.hint
    assert hint in removing.value.hint
    assert "is left as it is" in removing.value.message


def test_a_path_with_a_space_in_it_is_quoted_where_it_is_to_be_typed():
    odd = replace(place("// hers\n"), path=Path("/home/a b/palingenesis.js"))

    with pytest.raises(PalingenesisError) as refused:
        plan_removal(odd)

    assert "mv '/home/a b/palingenesis.js' '/home/a b/palingenesis.js.mine'" in refused.value.hint

"""The plugin's file on the disk: written whole or not at all, and taken away without a trace."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from palingenesis.assistants.opencode.plugin_place import carry_out, copies, look, path_of
from palingenesis.assistants.opencode.plugin_plan import plan_installation, plan_removal
from palingenesis.assistants.opencode.plugin_text import shipped
from palingenesis.core.errors import BusyError, InvalidConfigError, PalingenesisError

SOCKET = Path("/run/user/1000/palingenesis/control.sock")
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can make files of another user")


def environ(home: Path, **more: str) -> Mapping[str, str]:
    return {"HOME": str(home), **more}


def install(path: Path) -> None:
    carry_out(plan_installation(look(path), shipped(), SOCKET))


def remove(path: Path) -> None:
    carry_out(plan_removal(look(path)))


def everything(folder: Path) -> list[str]:
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*"))


# ── where ─────────────────────────────────────────────────────────────────────────────────────


def test_the_place_is_in_the_persons_configuration(tmp_path: Path):
    below = Path("opencode") / "plugin" / "palingenesis.js"

    assert path_of(environ(tmp_path)) == tmp_path / ".config" / below
    assert path_of(environ(tmp_path, XDG_CONFIG_HOME="")) == tmp_path / ".config" / below
    assert path_of(environ(tmp_path, XDG_CONFIG_HOME="/etc/x")) == Path("/etc/x") / below
    moved = environ(tmp_path, OPENCODE_CONFIG_DIR=str(tmp_path / "other"))
    assert path_of(moved) == tmp_path / ".config" / below, "it is read in addition, never instead"


def test_a_configuration_folder_that_depends_on_where_one_stands_is_refused(tmp_path: Path):
    with pytest.raises(InvalidConfigError, match="XDG_CONFIG_HOME is not a whole path: here"):
        path_of(environ(tmp_path, XDG_CONFIG_HOME="here"))


def test_a_second_one_that_would_be_loaded_too_is_found(tmp_path: Path):
    extra = tmp_path / "extra"
    places = [
        tmp_path / ".config" / "opencode" / "plugins",
        tmp_path / ".opencode" / "plugin",
        extra / "plugins",
    ]
    for place in places:
        place.mkdir(parents=True)
        (place / "palingenesis.js").write_text("//\n")
    own = environ(tmp_path, OPENCODE_CONFIG_DIR=str(extra))

    assert copies(own) == tuple(place / "palingenesis.js" for place in places)


def test_a_folder_that_is_another_name_of_ours_holds_no_second_one(tmp_path: Path):
    path = path_of(environ(tmp_path))
    install(path)
    path.parent.with_name("plugins").symlink_to(path.parent)

    assert copies(environ(tmp_path)) == ()


# ── there and away ────────────────────────────────────────────────────────────────────────────


def test_it_comes_and_goes_without_a_trace(tmp_path: Path):
    path = path_of(environ(tmp_path))

    install(path)
    assert path.stat().st_mode & 0o777 == 0o644
    assert everything(path.parent) == ["palingenesis.js"]
    remove(path)

    assert everything(tmp_path) == []


@pytest.mark.parametrize("hers", [".config/opencode/plugin/hers.js", ".config/opencode/.gitignore"])
def test_what_came_meanwhile_stays(tmp_path: Path, hers: str):
    path = path_of(environ(tmp_path))
    install(path)
    (tmp_path / hers).write_text("hers")

    remove(path)

    assert (tmp_path / hers).read_text() == "hers"
    assert [one.name for one in tmp_path.rglob("*") if one.is_file()] == [Path(hers).name]


def test_an_empty_folder_that_was_there_before_stays(tmp_path: Path):
    path = path_of(environ(tmp_path))
    path.parent.mkdir(parents=True)

    install(path)
    remove(path)

    assert path.parent.is_dir()


def test_a_linked_folder_stays_a_link_and_the_file_goes_behind_it(tmp_path: Path):
    path = path_of(environ(tmp_path))
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    path.parents[2].mkdir()
    path.parents[1].symlink_to(dotfiles)

    install(path)
    assert everything(dotfiles) == ["plugin", "plugin/palingenesis.js"]
    remove(path)

    assert everything(dotfiles) == []
    assert path.parents[1].is_symlink()


# ── what goes wrong ───────────────────────────────────────────────────────────────────────────


def test_a_file_where_a_folder_should_be_is_told_and_nothing_is_left_half_done(tmp_path: Path):
    (tmp_path / ".config").write_text("")

    with pytest.raises(PalingenesisError, match="not a directory") as refused:
        install(path_of(environ(tmp_path)))

    assert everything(tmp_path) == [".config"]
    assert refused.value.hint.startswith(f"make {tmp_path / '.config'} writable for you")


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path):
    path = path_of(environ(tmp_path))
    path.parents[1].mkdir(parents=True)
    path.parent.symlink_to(tmp_path / "gone")

    with pytest.raises(PalingenesisError, match="is a link that leads nowhere") as refused:
        install(path)

    assert f"rm {path.parent}" in refused.value.hint


def test_a_folder_that_cannot_be_written_is_told_and_nothing_is_left():
    path = Path("/proc/sys/opencode/plugin/palingenesis.js")

    with pytest.raises(PalingenesisError, match=r"cannot write|another user") as refused:
        install(path)

    assert not path.parents[1].exists()
    assert refused.value.hint


@as_root
def test_root_leaves_no_file_in_the_folder_of_another_user(tmp_path: Path):
    os.chown(tmp_path, 1234, 1234)

    with pytest.raises(PalingenesisError, match="belongs to another user"):
        install(path_of(environ(tmp_path)))

    assert everything(tmp_path) == []


@pytest.mark.parametrize("hers", ["// hers\n", None])
def test_a_file_that_changes_between_plan_and_deed_is_left(tmp_path: Path, hers: str | None):
    path = path_of(environ(tmp_path))
    install(path)
    plan = plan_removal(look(path))
    path.unlink()
    if hers is not None:
        path.write_text(hers)

    with pytest.raises(BusyError, match="was changed meanwhile"):
        carry_out(plan)

    assert (path.read_text() if path.exists() else None) == hers


def test_a_thing_that_appears_where_a_file_was_to_be_written_is_left(tmp_path: Path):
    path = path_of(environ(tmp_path))
    plan = plan_installation(look(path), shipped(), SOCKET)
    path.parent.mkdir(parents=True)
    path.write_text("// hers\n")

    with pytest.raises(BusyError, match="was changed meanwhile"):
        carry_out(plan)

    assert path.read_text() == "// hers\n"


@pytest.mark.parametrize("kind", ["folder", "pipe", "noise"])
def test_a_thing_that_is_no_text_is_somebody_elses(tmp_path: Path, kind: str):
    path = path_of(environ(tmp_path))
    path.parent.mkdir(parents=True)
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case _:
            path.write_bytes(b"\xff\xfe")

    with pytest.raises(PalingenesisError, match="is not ours"):
        install(path)

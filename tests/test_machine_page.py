"""The page about what is touched on a machine: what is really written stands on it."""

import re
from fnmatch import fnmatch
from pathlib import Path

from palingenesis.app.integrating import Integration
from palingenesis.assistants.opencode.plugin_text import shipped
from tests.cli.real import a_home

PAGE = (Path(__file__).parents[1] / "docs/reference/on-your-machine.md").read_text(encoding="utf-8")


def files_under(heading: str) -> list[str]:
    """The files that a section's table names."""
    section = re.split(rf"^### {heading}$", PAGE, flags=re.MULTILINE)[1].partition("\n#")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def written(folder: Path) -> list[str]:
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if not one.is_dir())


def strangers(folder: Path, heading: str) -> list[str]:
    known = files_under(heading)
    return [name for name in written(folder) if not any(fnmatch(name, one) for one in known)]


def wide_open(*folders: Path) -> list[Path]:
    """What others can read or change."""
    places = [place for folder in folders for place in (folder, *folder.rglob("*"))]
    return [place for place in places if place.stat().st_mode & 0o077]


def test_what_a_real_daemon_leaves_in_its_folders_stands_on_the_page(tmp_path: Path):
    with a_home(tmp_path) as home:
        before = set(written(tmp_path))
        home.start()
        running = set(written(tmp_path)) - before
        home.say("config", "init")
        home.say("config", "set", "daemon.log_level", "debug")
        home.say("policy", "trust", str(tmp_path))
        home.say("daemon", "stop")
        state, config = tmp_path / "s", tmp_path / "c"

        assert {"control.sock", "s/journal.db", "s/daemon.lock"} <= running
        assert {"journal.db", "journal.ballast", "daemon.log"} <= set(written(state))
        assert strangers(state, "State") == []
        assert wide_open(state, config) == []
        assert "config.toml" in written(config)
        assert strangers(config, "Configuration") == []
        assert [
            name
            for name in written(tmp_path)
            if not name.startswith(("s/", "c/")) and name not in before
        ] == []


def test_the_page_says_where_the_plugin_is(tmp_path: Path):
    environ = {"HOME": str(tmp_path)}
    place = Integration.find(environ, tmp_path / "control.sock").place.path

    assert files_under("In OpenCode") == [f"~/{place.relative_to(tmp_path)}"]


def test_what_the_daemon_may_ask_through_the_plugin_is_what_the_page_says():
    """The table of the page, and the one that the plugin goes by."""
    told = {
        (method, path.replace("…", "${ID}"))
        for row in re.findall(r"^\| (`(?:GET|POST) .*?) \|", PAGE, flags=re.MULTILINE)
        for method, path in re.findall(r"`(GET|POST) ([^`]+)`", row)
    }
    table = shipped().partition("const ALLOWED = [\n")[2].partition("].map")[0]
    allowed = set(re.findall(r'\["(\w+)", ["`]([^"`]+)["`]\]', table))

    assert len(allowed) > 10
    assert told == allowed

"""`[hooks.NAME]` in the configuration: every mistake with its place."""

from datetime import timedelta
from pathlib import Path

import pytest

from palingenesis.runtime.config import ConfigProblemsError, HookConfig
from palingenesis.runtime.config_file import parse_config

FILE = Path("config.toml")


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigProblemsError) as caught:
        parse_config(text, FILE)
    return caught.value.problems


def test_a_hook_has_a_program_with_arguments_and_half_a_minute_unless_it_says_otherwise():
    text = """
    [hooks.backup]
    argv = ["/usr/bin/restic", "backup", "~/work"]
    [hooks.page-me]
    argv = ["~/bin/page"]
    timeout = "5s"
    """

    hooks = parse_config(text, FILE).hooks

    assert hooks == {
        "backup": HookConfig(argv=("/usr/bin/restic", "backup", "~/work")),
        "page-me": HookConfig(
            argv=(str(Path("~/bin/page").expanduser()),), timeout=timedelta(seconds=5)
        ),
    }
    assert hooks["backup"].timeout == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("hooks = 5", "config.toml:1:1", "'hooks' must be a table"),
        ("[hooks]\nbackup = 'rm'", "config.toml:2:1", "'hooks.backup' must be a table"),
        ("[hooks.backup]\n", "config.toml:1:2", "'hooks.backup' has no 'argv'"),
        ("[hooks.backup]\nargv = 'rm -rf /'", "config.toml:2:1", "'hooks.backup.argv' has a wrong"),
        ("[hooks.backup]\nargv = []", "config.toml:2:1", "'hooks.backup.argv' has a wrong value"),
        ("[hooks.backup]\nargv = ['a', 1]", "config.toml:2:1", "'hooks.backup.argv' has a wrong"),
        ("[hooks.backup]\nargv = ['~nobody-at-all/a']", "config.toml:2:1", "wrong value"),
        ("[hooks.backup]\nargv = ['a']\ntimeout = 5", "config.toml:3:1", "timeout' has a wrong"),
        ("[hooks.backup]\nargv = ['a']\nshell = true", "config.toml:3:1", "unknown key"),
        ("[hooks.Backup]\nargv = ['a']", "config.toml:1:2", "'Backup' is no name of a hook"),
        ("[hooks]\n'../x' = {argv = ['a']}", "config.toml", "'../x' is no name of a hook"),
        ("[hook.backup]\nargv = ['a']", "config.toml", "unknown section 'hook'"),
    ],
)
def test_a_hook_that_is_described_wrongly_is_refused_with_its_place(
    text: str, place: str, what: str
):
    (problem,) = problems(text)

    assert problem.startswith(place)
    assert what in problem

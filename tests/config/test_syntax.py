"""A config.toml that is no TOML is told in words that say what to do, and where."""

from pathlib import Path

import pytest

from palingenesis.runtime.config import ConfigProblemsError
from palingenesis.runtime.config_file import parse_config


def problem(text: str) -> str:
    with pytest.raises(ConfigProblemsError) as caught:
        parse_config(text, Path("config.toml"))
    (one,) = caught.value.problems
    return one.removeprefix("config.toml").replace("\n  help: ", " -> ")


NO_QUOTES = "has no quotes, and is no number, true or false"
TWICE = {
    "[daemon]\nlog_level = 'info'\n[daemon]\nlog_format = 'text'\n": (
        ":3:8: error: the section [daemon] is there twice",
        "put what stands below it below the first [daemon], in line 1",
    ),
    "[hooks.a]\nargv = ['x']\n\n[hooks.a]\n": (
        ":4:9: error: the section [hooks.a] is there twice",
        "put what stands below it below the first [hooks.a], in line 1",
    ),
    "daemon.log_level = 'info'\n[daemon]\n": (
        ":2:8: error: the section [daemon] is there twice",
        "write all its keys below one [daemon]",
    ),
    "[daemon]\nlog_level = 'info'\nlog_level = 'warn'\n": (
        ":3:19: error: the key 'log_level' is there twice",
        "keep one of the two; the other is in line 2",
    ),
    "daemon = 1\n[daemon]\n": (
        ":2:8: error: 'daemon' is a value already, and no section",
        "take daemon = … in line 1 out",
    ),
}
OTHERWISE = {
    "[[daemon]]\nlog_level = 'info'\n": (
        ":1:3: error: 'daemon' must be a table",
        "write [daemon]",
    ),
    "[daemon\n": (":1:8: error: a section is not closed", "write ] behind its name"),
    "[daemon]\nlog_level: debug\n": (
        ":2:10: error: there is no = in this line",
        'write log_level = "…"',
    ),
    "[otel]\nenabled = Yes  # please\n": (
        f":2:11: error: the value of 'enabled' {NO_QUOTES}",
        "write enabled = true",
    ),
    "[daemon]\ncheck_interval = 10s\n": (
        f":2:20: error: the value of 'check_interval' {NO_QUOTES}",
        'write check_interval = "…"',
    ),
    '[daemon]\nlog_level = "info\n': (
        ":2:18: error: a text is not closed",
        "write the quotes behind it, too",
    ),
    "[daemon]\nlog_level = 'info\n": (
        ":2:13: error: a text is not closed",
        "write the quotes behind it, too",
    ),
    "[hooks.a]\nargv = ['x'\n": (
        ": error: a list is not closed",
        "write ] behind its last value",
    ),
}


@pytest.mark.parametrize(("text", "told"), [*TWICE.items(), *OTHERWISE.items()])
def test_what_is_wrong_is_told_with_its_place_and_the_way_out(text: str, told: tuple[str, str]):
    assert problem(text) == " -> ".join(told)


@pytest.mark.parametrize(
    "text", ["\x1b[31m", "a b c", "[daemon]\nb = 1 c = 2\n", "a = {b = 1, b = 2}"]
)
def test_whatever_else_is_wrong_is_told_with_what_a_line_may_be(text: str):
    assert problem(text).endswith(
        '-> a line is [section], key = value, or # and a remark; a text is "in quotes"'
    )


@pytest.mark.parametrize("line", ["ntfy_token = tk_sesame", "ntfy_token: tk_sesame"])
def test_a_secret_that_lacks_its_quotes_is_not_repeated(line: str):
    told = problem(f"[notifications]\n{line}\n")

    assert "sesame" not in told
    assert 'write ntfy_token = "…"' in told


def test_a_line_without_end_takes_no_time():
    assert problem(f"x = {'x' * 60_000} .\n").startswith(":1:5: error: the value of 'x'")

"""The configuration while the daemon runs: taken up, refused, or named as waiting for a restart."""

import asyncio
from pathlib import Path

from palingenesis.core.errors import InvalidConfigError, PalingenesisError, PassingError
from palingenesis.core.events import ConfigurationChanged, ConfigurationRefused, Event
from palingenesis.runtime.config import Config
from palingenesis.runtime.config_file import load_config
from palingenesis.runtime.config_keys import SECTIONS
from palingenesis.runtime.config_watch import ConfigWatch, Look
from palingenesis.runtime.paths import Paths
from tests.runtime.loopback import JumpingClock

BEFORE = '[daemon]\nlog_level = "info"\n'


class Desk:
    """A file, what watches it, and what came of that."""

    def __init__(self, folder: Path, text: str | None = BEFORE) -> None:
        folder.chmod(0o700)
        self.paths = Paths(state=folder, config=folder, runtime=folder, cache=folder)
        self.write(text)
        self.events: list[Event] = []
        self.followed: list[Config] = []
        self.refuses = ""
        self.refusal: type[PalingenesisError] = InvalidConfigError
        self.agents = ""
        self.watch = ConfigWatch(
            config=load_config(self.paths, {}),
            paths=self.paths,
            environ={},
            clock=JumpingClock(),
            emit=self.events.append,
            apply=self._follow,
            why_not=lambda: self.agents,
        )

    async def _follow(self, config: Config) -> None:
        if self.refuses:
            raise self.refusal(self.refuses, "put it there")
        self.followed.append(config)

    def write(self, text: str | None) -> None:
        file = self.paths.config_file
        if text is None:
            file.unlink(missing_ok=True)
            return
        file.write_text(text)
        file.chmod(0o600)

    def look(self, text: str | None = None, *, asked: bool = False) -> Look:
        if text is not None:
            self.write(text)
        return asyncio.run(self.watch.look(asked=asked))


def test_a_file_that_is_as_it_was_changes_nothing(tmp_path: Path):
    desk = Desk(tmp_path)

    assert desk.look() == Look()
    assert desk.look(BEFORE) == Look()

    assert (desk.events, desk.followed) == ([], [])


def test_what_can_change_at_once_does_and_what_cannot_is_named(tmp_path: Path):
    desk = Desk(tmp_path)

    look = desk.look('[daemon]\nlog_level = "debug"\n[opencode]\nserve_port = 5000\n')

    assert look.changed == ('daemon.log_level = "debug"',)
    assert look.later == ("opencode.serve_port = 5000",)
    (event,) = desk.events
    assert isinstance(event, ConfigurationChanged)
    assert (event.changed, event.later) == (look.changed, look.later)
    assert desk.followed[-1].daemon.log_level == "debug"


def test_what_waits_for_a_restart_is_named_until_it_is_set_back(tmp_path: Path):
    desk = Desk(tmp_path)
    desk.look("[opencode]\nserve_port = 5000\n")

    assert desk.look("[opencode]\nserve_port = 5000\nauto_restart = false\n").later == (
        "opencode.serve_port = 5000",
    )
    back = desk.look(BEFORE)

    assert back.later == ()
    assert back.changed == ("opencode.auto_restart = true", "opencode.serve_port = 4096")


def test_a_bad_edit_is_refused_whole_and_told_once(tmp_path: Path):
    desk = Desk(tmp_path)

    look = desk.look('[daemon]\nlog_level = "debug"\ncheck_intervall = "5s"\n')
    again = desk.look()

    assert look.problems == again.problems
    assert "did you mean 'check_interval'?" in look.problems[0]
    assert desk.followed == []
    assert desk.watch.config.daemon.log_level == "info"
    (event,) = desk.events
    assert isinstance(event, ConfigurationRefused)
    assert event.problems == look.problems


def test_a_good_edit_after_a_bad_one_is_told_even_if_nothing_is_different(tmp_path: Path):
    desk = Desk(tmp_path)
    desk.look("[daemon\n")

    look = desk.look(BEFORE)

    assert look.problems == ()
    assert [type(event) for event in desk.events] == [ConfigurationRefused, ConfigurationChanged]


def test_a_configuration_that_cannot_be_followed_is_refused(tmp_path: Path):
    desk = Desk(tmp_path)
    desk.refuses = "a secret is missing"

    look = desk.look('[notifications]\nntfy_topic = { env = "NOBODY" }\n')

    assert look.problems == ("a secret is missing (put it there)",)
    assert desk.watch.config.notifications.ntfy_topic is None


def test_what_was_missing_beside_the_file_is_looked_for_again_when_somebody_asks(tmp_path: Path):
    desk = Desk(tmp_path)
    desk.refuses = "a secret is missing"
    assert desk.look('[daemon]\nlog_level = "debug"\n').problems

    desk.refuses = ""
    assert desk.look().problems == ("a secret is missing (put it there)",)
    assert desk.look(asked=True).changed == ('daemon.log_level = "debug"',)

    assert [type(event).__name__ for event in desk.events] == [
        "ConfigurationRefused",
        "ConfigurationChanged",
    ]
    assert desk.look(asked=True) == Look()
    assert len(desk.followed) == 2
    assert len(desk.events) == 2


def test_what_cannot_be_read_for_a_moment_is_looked_at_again_by_itself(tmp_path: Path):
    desk = Desk(tmp_path)
    desk.refuses, desk.refusal = "too many open files", PassingError
    assert desk.look('[daemon]\nlog_level = "debug"\n').problems

    desk.refuses = ""

    assert desk.look().changed == ('daemon.log_level = "debug"',)


def test_a_change_that_an_agent_could_have_made_waits_until_nobody_works_there(tmp_path: Path):
    desk = Desk(tmp_path)
    desk.agents = "it lies where an agent works"

    refused = desk.look('[hooks.evil]\nargv = ["/bin/true"]\n')
    desk.agents = ""
    later = desk.look()

    assert refused.problems == ("it lies where an agent works",)
    assert later.changed == ('hooks.evil.argv = ["/bin/true"]', 'hooks.evil.timeout = "30s"')


def test_a_file_that_is_gone_brings_the_defaults_back(tmp_path: Path):
    desk = Desk(tmp_path, '[daemon]\nlog_level = "debug"\n')
    desk.paths.config_file.unlink()

    look = desk.look()

    assert look.changed == ('daemon.log_level = "info"',)


def test_a_file_that_others_can_write_to_is_refused(tmp_path: Path):
    desk = Desk(tmp_path)
    desk.write('[daemon]\nlog_level = "debug"\n')
    desk.paths.config_file.chmod(0o666)

    look = desk.look()

    assert "can be written by other users" in look.problems[0]
    assert "chmod go-w" in look.problems[0]
    assert desk.followed == []


def test_an_address_does_not_get_into_the_journal(tmp_path: Path):
    desk = Desk(tmp_path)

    desk.look('[notifications]\nslack_webhook = "https://hooks.slack.com/services/sesame"\n')

    (event,) = desk.events
    assert isinstance(event, ConfigurationChanged)
    assert event.changed == ('notifications.slack_webhook = "(hidden)"',)


def test_an_address_that_is_exchanged_is_a_change(tmp_path: Path):
    desk = Desk(tmp_path, '[notifications]\nwebhook_url = "https://example.org/one"\n')

    look = desk.look('[notifications]\nwebhook_url = "https://example.org/two"\n')

    assert look.changed == ('notifications.webhook_url = "(hidden)"',)
    assert str(desk.followed[-1].notifications.webhook_url).endswith("two")


def test_the_page_says_of_every_key_when_a_change_takes_effect():
    page = (Path(__file__).parents[2] / "docs" / "reference" / "configuration.md").read_text()
    (at_once,) = [line for line in page.splitlines() if line.startswith("| at once |")]

    for section, keys in SECTIONS.items():
        live = {name for name, key in keys.items() if key.live}
        told = {
            name for name in keys if f"`{name}`" in at_once or f"`[{section}] {name}`" in at_once
        }
        if f"`[{section}]`, " in at_once:
            told = set(keys)
        assert told == live, section

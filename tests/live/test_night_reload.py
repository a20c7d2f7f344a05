"""Nights in which the policy changes."""

import signal
from pathlib import Path

from palingenesis.demo.replies import rate_limited
from tests.live.night import Night, default_policy

BROKEN = "version: 1\nrules:\n  - id: half\n    when: stop.reson == 'rate_limit'\n    do: [resu"


def save(night: Night, text: str) -> None:
    """As careful editors do: a new file beside it, then one rename."""
    beside = night.policy_file.with_name(".policy.yaml.new")
    beside.write_text(text)
    beside.chmod(0o600)
    beside.replace(night.policy_file)


def digest(night: Night) -> str:
    return str(night.control.status()["policy"]["digest"])


def test_a_wait_keeps_its_deadline_while_policies_come_and_go(opencode: Path):
    good = default_policy()
    with Night(opencode, policy=good) as night:
        night.provider.script(rate_limited(18_000))
        session = night.begin("do it")
        waits = night.wait_for(session, "waiting")
        first = digest(night)

        save(night, good.replace("max: 12", "max: 13"))
        night.wait(lambda: digest(night) != first, 15, lambda: "the new policy")
        second = digest(night)
        assert night.session(session)["until"] == waits["until"]

        save(night, BROKEN)
        night.wait(lambda: night.control.status()["policy"]["stale"], 15, lambda: "a word about it")
        assert digest(night) == second
        assert night.session(session)["until"] == waits["until"]

        assert night.daemon is not None
        night.daemon.send_signal(signal.SIGHUP)
        night.claim_quiet()
        refused = [row for row in rows(night) if row["kind"] == "policy-refused"]
        assert len(refused) == 1  # looked at twice, told once

        save(night, good.replace("max: 12", "max: 14"))
        night.daemon.send_signal(signal.SIGHUP)
        night.wait(lambda: digest(night) != second, 15, lambda: "the third policy")
        assert not night.control.status()["policy"]["stale"]
        assert night.session(session)["until"] == waits["until"]
        assert night.session(session)["rule"] == "own-retry-long"
        assert len(night.provider.requests) == 1


def test_a_command_says_what_is_wrong_with_the_new_policy_and_where(opencode: Path):
    with Night(opencode, policy=default_policy()) as night:
        before = digest(night)
        save(night, BROKEN)

        said = night.palin("daemon", "reload")

        assert said.returncode == 5, said.stdout + said.stderr
        assert ":5:14: error[" in said.stdout + said.stderr
        assert digest(night) == before


def rows(night: Night) -> list[dict[str, object]]:
    return [dict(row) for row in night.control.events(after=0, since=None, session=None, limit=500)]

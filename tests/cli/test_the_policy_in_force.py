"""`policy show` with a daemon: what is in force, whatever stands in the file by now."""

import json
from pathlib import Path

import pytest

from tests.cli.real import Home, a_home
from tests.cli.test_a_policy_that_goes import policy_of, until

GOOD = "version: 1  # hers\nrules: [{id: mine, do: [finish]}]\ndefault: {do: [attention]}\n"


def own_policy(home: Home) -> Path:
    own = home.folder / "c" / "policy.yaml"
    own.parent.mkdir(mode=0o700, exist_ok=True)
    return own


@pytest.mark.e2e
def test_what_is_in_force_is_shown_though_its_file_is_refused_or_gone(tmp_path: Path):
    with a_home(tmp_path) as home:
        own = own_policy(home)
        home.start()
        shipped = home.say("policy", "show")
        assert shipped.stderr.endswith("default.yaml (shipped)\n")

        own.write_text(GOOD)
        until(lambda: policy_of(home)["path"] == str(own) and policy_of(home)["name"] == "policy")
        adopted = home.say("policy", "show")
        assert adopted.stdout == GOOD
        assert adopted.stderr == f"# {own} (your own policy.yaml)\n"

        own.write_text("version: 1\n")
        until(lambda: bool(policy_of(home)["stale"]))
        refused = home.say("policy", "show")
        resolved = home.say("policy", "show", "--resolved")
        assert (refused.returncode, refused.stdout) == (0, GOOD)
        assert f"warning: {own} is refused; what is in force is the policy" in refused.stderr
        assert f"hint: palingenesis policy validate {own}\n" in refused.stderr
        assert (resolved.returncode, resolved.stdout.split()[0]) == (0, "mine")
        assert "mine" in home.say("policy", "graph").stdout

        own.unlink()
        until(lambda: policy_of(home)["stale"] == [f"the file is gone: {own}"])
        gone = home.say("policy", "show", "--json")
        assert json.loads(gone.stdout)["source"] == GOOD
        assert f"warning: cannot read {own}: " in gone.stderr
        assert "hint" not in gone.stderr


@pytest.mark.e2e
def test_a_policy_that_an_earlier_daemon_read_is_shown_rule_by_rule(tmp_path: Path):
    with a_home(tmp_path) as home:
        own = own_policy(home)
        own.write_text(GOOD)
        home.start()
        home.say("daemon", "stop")
        own.write_text("version: 1\n")
        home.start()

        shown = home.say("policy", "show")
        lines = home.say("policy", "show", "--rule", "mine", "--source")

    assert (shown.returncode, shown.stdout.split()[0]) == (0, "mine")
    assert "# its text is not known any more; these are its rules\n" in shown.stderr
    assert (lines.returncode, lines.stdout) == (1, "")
    assert "error: the text of the policy in force is not known any more" in lines.stderr

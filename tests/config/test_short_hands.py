"""`[resume]`: short-hands that parametrise the policy that ships."""

from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest

from palingenesis.core.policy.compile import compile_text
from palingenesis.core.policy.model import Policy
from palingenesis.runtime.config import Config, choose_policy, why_without_effect
from palingenesis.runtime.config_file import parse_config
from palingenesis.runtime.outside import outside_of
from palingenesis.runtime.paths import Paths
from palingenesis.runtime.resume_policy import ResumeConfig, policy_text, write_policy

ROOT = Path(__file__).parents[2]
SCHEMA = (ROOT / "schemas" / "policy.schema.json").read_text()
ALL = [
    ResumeConfig(rate_limit_strategy=rate, context_strategy=context, max_retries=most)
    for rate, context, most in product(
        (None, "wait", "skip", "new-session"), (None, "new-session", "abort"), (None, 1, 3, 100)
    )
]


def policy_of(resume: ResumeConfig) -> Policy:
    around = outside_of(None, presets=ROOT / "policies" / "presets", environ={})
    made = compile_text(
        policy_text(resume), name="from-config", schema=SCHEMA, outside=around.outside
    )
    assert made.policy is not None
    assert made.diagnostics == ()
    return made.policy


def words_of(policy: Policy, rule: str) -> list[str]:
    (found,) = [one for one in policy.resolved["rules"] if one["id"] == rule]
    return [next(iter(step)) if isinstance(step, dict) else step for step in found["do"]]


def limit_of(policy: Policy, rule: str) -> int:
    (found,) = [one for one in policy.resolved["rules"] if one["id"] == rule]
    return int(found["limit"]["max"])


def paths_in(folder: Path) -> Paths:
    folder.chmod(0o700)
    return Paths(state=folder / "s", config=folder, runtime=folder, cache=folder)


@pytest.mark.parametrize("resume", [one for one in ALL if policy_text(one)], ids=str)
def test_every_combination_is_a_policy_without_a_warning(resume: ResumeConfig):
    assert policy_of(resume).rules


def test_what_the_shipped_policy_does_anyway_needs_no_policy():
    assert policy_text(ResumeConfig()) == ""
    same = ResumeConfig(rate_limit_strategy="wait", context_strategy="new-session")
    assert policy_text(same) == ""


def test_skip_tells_and_leaves_the_session_to_the_person():
    policy = policy_of(ResumeConfig(rate_limit_strategy="skip"))

    assert words_of(policy, "throttled") == ["notify", "attention"]
    assert words_of(policy, "quota") == ["notify", "attention"]
    assert words_of(policy, "own-retry-long") == ["interrupt", "notify", "attention"]


def test_new_session_waits_first_and_backs_up_before_it_begins_anew():
    policy = policy_of(ResumeConfig(rate_limit_strategy="new-session"))

    assert words_of(policy, "throttled") == ["wait", "snapshot", "new-session"]


def test_abort_begins_no_new_session_at_a_full_context():
    policy = policy_of(ResumeConfig(context_strategy="abort"))

    assert words_of(policy, "context-full") == ["snapshot", "notify", "attention"]
    assert "context-nearly-full" not in {rule.id for rule in policy.rules if rule.mode != "off"}


def test_max_retries_bounds_what_trying_again_can_cure_and_never_a_limit():
    policy = policy_of(ResumeConfig(max_retries=3))

    for rule in ("transient", "crash", "cut-off", "stalled", "no-effect"):
        assert limit_of(policy, rule) == 3
    assert "limit" not in next(one for one in policy.resolved["rules"] if one["id"] == "quota")


def test_the_windows_are_those_of_the_preset():
    policy = policy_of(ResumeConfig(max_retries=5))
    shipped = (ROOT / "policies" / "presets" / "recommended@1.yaml").read_text()
    whole = compile_text(shipped, name="it", schema=SCHEMA).policy
    assert whole is not None

    windows = {rule.id: rule.limit.per for rule in whole.rules if rule.limit}
    ours = {rule.id: rule.limit.per for rule in policy.rules if rule.limit}

    assert windows["crash"] == timedelta(minutes=30)
    assert {rule: ours[rule] for rule in windows} == windows


def test_a_policy_of_the_persons_own_wins_and_that_is_said(tmp_path: Path):
    paths = paths_in(tmp_path)
    config = parse_config("[resume]\nmax_retries = 3\n", paths.config_file)

    without = choose_policy(flag=None, environ={}, config=config, paths=paths)
    paths.policy_file.write_text("version: 1\n")
    own = choose_policy(flag=None, environ={}, config=config, paths=paths)

    assert without.origin == "[resume] in config.toml"
    assert without.file(Path("shipped")).name == "from-config.yaml"
    assert why_without_effect(config, without) == ""
    assert own.path == paths.policy_file
    assert why_without_effect(config, own) == (
        f"[resume] has no effect: your own policy {paths.policy_file} decides"
        " (your own policy.yaml)"
    )


def test_without_short_hands_nothing_is_written(tmp_path: Path):
    paths = paths_in(tmp_path)

    chosen = choose_policy(flag=None, environ={}, config=Config(), paths=paths)

    assert chosen.file(Path("shipped")) == Path("shipped")
    assert not paths.state.exists()


def test_what_somebody_else_wrote_into_the_file_does_not_count(tmp_path: Path):
    file = write_policy(ResumeConfig(max_retries=3), tmp_path)
    assert file is not None
    file.write_text("version: 1\nrules: []\n")

    again = write_policy(ResumeConfig(max_retries=3), tmp_path)

    assert again == file
    assert file.read_text() == policy_text(ResumeConfig(max_retries=3))


def test_a_backup_cannot_be_switched_off_and_that_is_said():
    config = parse_config("[resume]\nbackup_before_new = false\n", Path("c"))

    (warning,) = config.warnings
    assert "a session is backed up before every new one whatever this says" in warning

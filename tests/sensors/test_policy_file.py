import asyncio
import os
import signal
from pathlib import Path

import pytest

from palingenesis.runtime.clock import SystemClock
from palingenesis.runtime.project_trust import TrustStore, pin_of
from palingenesis.runtime.reload import Answer, Compiled, on_hangup
from palingenesis.sensors.policy_file import CompilerProcess, PolicyFile
from palingenesis.sensors.policy_source import FileSource
from palingenesis.sensors.watching import places_of

LIMIT_S = 15.0


async def compile_good(data):
    text = data.decode()
    if text.startswith("good") and text.endswith("end\n"):
        return Compiled(resolved={"name": "night"}, digest=text.split()[1])
    return Compiled(problems=(f"bad: {text!r}",))


class Watch:
    """A policy file under real watch."""

    def __init__(self, path, compiler=None):
        self.path = path
        self.events = []
        self.sensor = PolicyFile(
            path, compiler=compiler or compile_good, clock=SystemClock(), distrust=str_of
        )

    def digests(self):
        return [getattr(event, "resolved", None) and event.digest for event in self.events]

    async def until(self, digest):
        async with asyncio.timeout(LIMIT_S):
            while digest not in self.digests()[-1:]:
                await asyncio.sleep(0.02)


def str_of(_path):
    return ""


def watching(path, story, compiler=None):
    """Run a story while the file is watched, and return what was emitted."""

    async def run():
        watch = Watch(path, compiler)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(watch.sensor.watch(watch.events.append))
            try:
                await watch.until("one")
                # The watch begins within a moment of the first check.
                await asyncio.sleep(0.3)
                await story(watch)
            finally:
                task.cancel()
        return watch.digests()

    return asyncio.run(run())


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "config" / "policy.yaml"
    path.parent.mkdir()
    path.write_text("good one end\n")
    return path


def test_a_save_in_place_is_adopted(policy):
    async def story(watch):
        policy.write_text("good two end\n")
        await watch.until("two")

    assert watching(policy, story) == ["one", "two"]


def test_a_save_of_a_file_that_is_extended_is_adopted_too(policy, tmp_path):
    team = tmp_path / "elsewhere" / "team.yaml"
    team.parent.mkdir()
    team.write_text("one")

    async def compile_both(data):
        files = (str(team),)
        if not team.exists():
            return Compiled(problems=("the team is gone",), files=files)
        digest = team.read_text()
        return Compiled(resolved={"name": data.decode()}, digest=digest, files=files)

    async def story(watch):
        team.write_text("two")
        await watch.until("two")
        team.unlink()
        await watch.until(None)
        team.write_text("three")
        await watch.until("three")

    assert watching(policy, story, compile_both) == ["one", "two", None, "three"]


def test_the_second_atomic_save_is_seen_like_the_first(policy):
    async def story(watch):
        for digest in ("two", "three"):
            fresh = policy.with_suffix(".tmp")
            fresh.write_text(f"good {digest} end\n")
            fresh.replace(policy)
            await watch.until(digest)

    assert watching(policy, story) == ["one", "two", "three"]


def test_a_save_with_a_backup_beside_it_is_adopted(policy):
    async def story(watch):
        policy.rename(f"{policy}~")
        await asyncio.sleep(0.05)
        policy.write_text("good two end\n")
        await watch.until("two")

    assert watching(policy, story) == ["one", "two"]


def test_delete_and_create_is_one_change(policy):
    async def story(watch):
        policy.unlink()
        await asyncio.sleep(0.5)
        policy.write_text("good two end\n")
        await watch.until("two")

    assert watching(policy, story) == ["one", "two"]


def test_a_slow_writer_is_never_read_half_way(policy):
    async def story(watch):
        with policy.open("w") as file:
            for part in ("good ", "two end\n", "end\n"):
                await asyncio.sleep(0.4)
                file.write(part)
                file.flush()
        await watch.until("two")

    assert watching(policy, story) == ["one", "two"]


def test_a_link_that_is_pointed_elsewhere_is_followed(policy, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "p.yaml").write_text("good one end\n")
    policy.unlink()
    policy.symlink_to(tmp_path / "a" / "p.yaml")

    async def story(watch):
        (tmp_path / "b" / "p.yaml").write_text("good two end\n")
        fresh = policy.with_suffix(".new")
        fresh.symlink_to(tmp_path / "b" / "p.yaml")
        fresh.replace(policy)
        await watch.until("two")
        (tmp_path / "b" / "p.yaml").write_text("good three end\n")
        await watch.until("three")

    assert watching(policy, story) == ["one", "two", "three"]


def test_a_mounted_configuration_that_is_swapped_as_a_whole_is_followed(tmp_path):
    mount = tmp_path / "mount"
    mount.mkdir()

    def publish(version, digest):
        (mount / version).mkdir()
        (mount / version / "policy.yaml").write_text(f"good {digest} end\n")
        (mount / "..fresh").symlink_to(version)
        (mount / "..fresh").replace(mount / "..data")

    publish("..v1", "one")
    (mount / "policy.yaml").symlink_to("..data/policy.yaml")

    async def story(watch):
        publish("..v2", "two")
        (mount / "..v1" / "policy.yaml").unlink()
        (mount / "..v1").rmdir()
        await watch.until("two")
        publish("..v3", "three")
        await watch.until("three")

    assert watching(mount / "policy.yaml", story) == ["one", "two", "three"]


def test_a_bad_save_and_a_missing_file_are_told_once_each(policy):
    async def story(watch):
        policy.write_text("good but unfinis")
        await watch.until(None)
        policy.touch()
        await asyncio.sleep(1.0)
        policy.unlink()
        async with asyncio.timeout(LIMIT_S):
            while len(watch.events) < 3:
                await asyncio.sleep(0.02)
        assert "the file is gone" in watch.events[-1].problems[0]

    assert watching(policy, story) == ["one", None, None]


def test_a_nudge_finds_what_no_watch_can_see(policy):
    async def run():
        watch = Watch(policy)
        await watch.sensor.check(watch.events.append)
        policy.write_text("good two end\n")
        watch.sensor.nudge()
        verdict = await watch.sensor.check(watch.events.append)
        return verdict.answer, watch.digests()

    assert asyncio.run(run()) == (Answer.ADOPTED, ["one", "two"])


def test_a_storm_of_signals_costs_a_few_checks_and_not_one_traceback(policy, capfd):
    async def story(watch):
        on_hangup(watch.sensor.nudge)
        try:
            for _ in range(20_000):
                os.kill(os.getpid(), signal.SIGHUP)
            policy.write_text("good two end\n")
            await watch.until("two")
        finally:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)

    assert watching(policy, story) == ["one", "two"]
    assert capfd.readouterr().err == ""


def test_who_has_the_file_open_for_writing_is_known(policy):
    source = FileSource(policy, distrust=str_of)

    assert source.is_being_written() in (False, None)
    if source.is_being_written() is None:
        pytest.skip("this file system grants no leases")
    with policy.open("a"):
        assert source.is_being_written() is True
    with policy.open():
        assert source.is_being_written() is False


def test_pipes_directories_huge_and_distrusted_files_are_no_policies(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "huge").write_bytes(b"x" * 300_000)
    (tmp_path / "theirs").write_text("good")

    def trouble(name, distrust=str_of):
        return FileSource(tmp_path / name, distrust=distrust).read().trouble

    assert "no regular file" in trouble("pipe")
    assert "no regular file" in trouble("")
    assert "larger than 256 KiB" in trouble("huge")
    assert "the file is gone" in trouble("missing")
    assert "belongs to another" in trouble("theirs", lambda path: f"{path} belongs to another")


def test_a_shipped_policy_holds_until_the_person_writes_one_of_her_own(tmp_path):
    own, shipped = tmp_path / "policy.yaml", tmp_path / "shipped.yaml"
    shipped.write_bytes(b"shipped")
    source = FileSource(own, distrust=str_of, fallback=lambda: shipped)

    assert source.read().content == b"shipped"
    assert source.is_being_written() is False
    own.write_bytes(b"own")
    assert source.read().content == b"own"
    source.adopted(source.read())
    own.unlink()
    assert "gone" in source.read().trouble


def test_an_own_policy_that_cannot_be_looked_at_is_refused_and_not_replaced(tmp_path):
    own, shipped = tmp_path / ("x" * 300), tmp_path / "shipped.yaml"
    shipped.write_bytes(b"shipped")
    source = FileSource(own, distrust=str_of, fallback=lambda: shipped)

    assert source.read().trouble == f"cannot read {own}: file name too long"
    assert source.is_being_written() is None


def test_a_file_of_which_nothing_was_adopted_leaves_the_shipped_policy_when_it_goes(tmp_path):
    own, shipped = tmp_path / "policy.yaml", tmp_path / "shipped.yaml"
    shipped.write_text("good shipped end\n")
    told = []

    async def story():
        sensor = PolicyFile(
            own,
            compiler=compile_good,
            clock=SystemClock(),
            distrust=str_of,
            fallback=lambda: shipped,
        )
        await sensor.check(told.append)
        own.write_text("bad")
        refused = await sensor.check(told.append)
        own.unlink()
        return refused.answer, await sensor.check(told.append), sensor.is_own

    refused, verdict, is_own = asyncio.run(story())

    assert (refused, verdict.answer, verdict.problems) == (Answer.REFUSED, Answer.ADOPTED, ())
    assert [type(event).__name__ for event in told] == [
        "PolicyAdopted",
        "PolicyRefused",
        "PolicyAdopted",
    ]
    assert verdict.digest == "shipped"
    assert not is_own


def test_the_directories_to_watch_are_those_of_every_link_on_the_way(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    (tmp_path / "c" / "file").write_text("")
    (tmp_path / "b" / "link").symlink_to("../c/file")
    (tmp_path / "a" / "link").symlink_to(tmp_path / "b" / "link")

    places = {Path(path).name for path, _, _ in places_of(tmp_path / "a" / "link")}

    assert places == {"a", "b", "c"}


def test_a_place_that_cannot_be_is_not_watched():
    assert places_of(Path("/home/a\0b/.palingenesis/policy.yaml")) == frozenset()


def test_a_loop_of_links_ends(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")

    assert places_of(tmp_path / "a")
    assert "cannot read" in FileSource(tmp_path / "a", distrust=str_of).read().trouble


# ── the compiler's process ────────────────────────────────────────────────────────────────────

SCHEMA = Path(__file__).parents[2] / "schemas" / "policy.schema.json"
SMALLEST = b"version: 1\nrules: []\ndefault: {do: [attention]}\n"


PRESETS = Path(__file__).parents[2] / "policies" / "presets"


def compiled(data, place=Path("policy.yaml"), schema=SCHEMA, **options):
    async def run():
        process = CompilerProcess(
            name="policy.yaml", schema=schema, presets=PRESETS, place=lambda: place, **options
        )
        return await process(data)

    return asyncio.run(run())


def test_a_good_policy_comes_back_resolved():
    answer = compiled(SMALLEST)

    assert answer.resolved is not None, answer.problems
    assert answer.resolved["version"] == 1
    assert len(answer.digest) == 64


def test_a_bad_policy_comes_back_as_one_line_for_each_problem():
    answer = compiled(b"version: 1\nrules: [\n")

    assert answer.resolved is None
    assert not answer.passing
    assert answer.problems[0].startswith("policy.yaml:")
    assert "error[Y001]" in answer.problems[0]


def test_a_compiler_that_hangs_or_breaks_is_no_verdict_about_the_policy(tmp_path):
    slow = compiled(SMALLEST, limit_s=0.001)
    broken = compiled(SMALLEST, schema=tmp_path / "missing.json")

    assert slow.passing
    assert "longer than" in slow.problems[0]
    assert broken.passing
    assert "could not be checked" in broken.problems[0]


EXTENDING = b"version: 1\nextends: [builtin:recommended@1, ./team.yaml]\n"


def test_what_a_policy_extends_is_read_beside_it_and_told(tmp_path):
    team = tmp_path / "team.yaml"
    missing = compiled(EXTENDING, tmp_path / "policy.yaml")
    team.write_text("version: 1\nrules:\n  - {id: ours, when: work.done, do: [finish]}\n")

    answer = compiled(EXTENDING, tmp_path / "policy.yaml")

    assert "S018" in missing.problems[0]
    assert str(team) in missing.files
    assert answer.files == (str(PRESETS / "recommended@1.yaml"), str(team))
    assert [rule["id"] for rule in answer.resolved["rules"]][-1] == "ours"


def test_a_mistake_in_a_file_that_is_extended_is_told_with_that_file(tmp_path):
    team = tmp_path / "team.yaml"
    team.write_text("version: 1\nrules:\n  - {id: ours, when: wrok.done, do: [finish]}\n")

    answer = compiled(EXTENDING, tmp_path / "policy.yaml")

    assert answer.problems == (
        f"{team}:3:22: error[E009]: unknown fact 'wrok.done' (help: did you mean 'work.done'?)",
    )


def test_a_file_that_others_can_write_to_is_not_extended(tmp_path):
    team = tmp_path / "team.yaml"
    team.write_text("version: 1\n")
    team.chmod(0o666)

    answer = compiled(EXTENDING, tmp_path / "policy.yaml")

    assert f"{team} can be written by other users" in answer.problems[0]


def test_a_change_of_a_file_that_is_extended_is_another_reading(tmp_path):
    (tmp_path / "policy.yaml").write_bytes(EXTENDING)
    source = FileSource(tmp_path / "policy.yaml", distrust=str_of)
    source.attend([str(tmp_path / "team.yaml")])

    absent = source.read()
    (tmp_path / "team.yaml").write_text("version: 1\n")
    there = source.read()
    (tmp_path / "team.yaml").write_text("version: 1\nrules: []\n")
    changed = source.read()

    assert absent.content == there.content == changed.content
    assert len({absent, there, changed}) == 3
    assert source.read() == changed


# ── policies of projects ──────────────────────────────────────────────────────────────────────

OWN = b"""version: 1
rules:
  - {id: go, when: stop.reason == 'crash', do: [resume], limit: {max: 5, per: 1h}}
default: {do: [attention]}
"""
TIGHTER = "version: 1\nrules: [{id: go, override: merge, limit: {max: 1, per: 1h}}]\n"
BOLDER = "version: 1\nrules: [{id: mine, do: [resume]}]\n"


def project(folder, text):
    file = folder / ".palingenesis" / "policy.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_a_projects_policy_is_laid_over_the_own_one(tmp_path):
    file = project(tmp_path / "app", TIGHTER)
    where = (str(tmp_path / "app"), str(tmp_path / "none"))

    answer = compiled(OWN, tmp_path / "policy.yaml", projects=lambda: where)

    (overlay,) = answer.resolved["overlays"]
    assert (overlay["directory"], overlay["file"], overlay["trusted"]) == (
        str(tmp_path / "app"), str(file), False,
    )  # fmt: skip
    assert overlay["policy"]["rules"][0]["limit"]["max"] == 1
    assert answer.digest != compiled(OWN, tmp_path / "policy.yaml").digest


def test_a_project_that_asks_for_more_is_left_out_until_it_is_trusted(tmp_path, caplog):
    file = project(tmp_path / "app", BOLDER)
    store = tmp_path / "trusted.json"
    options = {"projects": lambda: (str(tmp_path / "app"),), "trusted": store}

    before = compiled(OWN, tmp_path / "policy.yaml", **options)
    TrustStore(store).trust(file, pin_of(BOLDER.encode(), ()))
    after = compiled(OWN, tmp_path / "policy.yaml", **options)
    file.write_text(f"{BOLDER}# one more line\n")
    changed = compiled(OWN, tmp_path / "policy.yaml", **options)

    assert "overlays" not in before.resolved
    assert "error[S021]: 'resume' in a policy that is not trusted" in caplog.text
    assert [one["trusted"] for one in after.resolved["overlays"]] == [True]
    assert "overlays" not in changed.resolved


def test_what_a_trusted_project_extends_is_pinned_with_it(tmp_path):
    file = project(tmp_path / "app", "version: 1\nextends: [./more.yaml]\n")
    more = file.with_name("more.yaml")
    more.write_text(BOLDER)
    store = tmp_path / "trusted.json"
    TrustStore(store).trust(file, pin_of(file.read_bytes(), [more.read_bytes()]))
    options = {"projects": lambda: (str(tmp_path / "app"),), "trusted": store}

    before = compiled(OWN, tmp_path / "policy.yaml", **options)
    more.write_text(BOLDER.replace("mine", "yours"))
    after = compiled(OWN, tmp_path / "policy.yaml", **options)

    assert [one["trusted"] for one in before.resolved["overlays"]] == [True]
    assert "overlays" not in after.resolved


@pytest.mark.parametrize("text", ["version: [1\n", "- 1\n", "\x00", "", "#" * 300_000])
def test_a_projects_policy_that_cannot_be_read_is_told_and_left_out(tmp_path, caplog, text):
    file = project(tmp_path / "app", text)

    answer = compiled(
        OWN, tmp_path / "policy.yaml", projects=lambda: (str(tmp_path / "app"),)
    )  # fmt: skip

    assert answer.digest == compiled(OWN, tmp_path / "policy.yaml").digest
    assert str(file) in caplog.text


def test_a_projects_policy_that_others_can_write_to_is_left_out(tmp_path, caplog):
    project(tmp_path / "app", TIGHTER).chmod(0o666)

    answer = compiled(
        OWN, tmp_path / "policy.yaml", projects=lambda: (str(tmp_path / "app"),)
    )  # fmt: skip

    assert "overlays" not in answer.resolved
    assert "can be written by other users" in caplog.text


def test_a_trust_file_that_others_can_write_to_trusts_nobody(tmp_path, caplog):
    file = project(tmp_path / "app", BOLDER)
    store = tmp_path / "trusted.json"
    TrustStore(store).trust(file, pin_of(BOLDER.encode(), ()))
    store.chmod(0o666)

    answer = compiled(
        OWN, tmp_path / "policy.yaml", projects=lambda: (str(tmp_path / "app"),), trusted=store
    )  # fmt: skip

    assert "overlays" not in answer.resolved
    assert "can be written by other users" in caplog.text


def test_a_trust_file_that_is_damaged_trusts_nobody(tmp_path, caplog):
    project(tmp_path / "app", BOLDER)
    store = tmp_path / "trusted.json"
    store.write_text("{")

    answer = compiled(
        OWN, tmp_path / "policy.yaml", projects=lambda: (str(tmp_path / "app"),), trusted=store
    )

    assert "overlays" not in answer.resolved
    assert "no project is trusted" in caplog.text


def test_a_projects_policy_that_appears_or_changes_is_another_reading(tmp_path):
    (tmp_path / "policy.yaml").write_bytes(OWN)
    wanted = tmp_path / "app" / ".palingenesis" / "policy.yaml"
    source = FileSource(tmp_path / "policy.yaml", distrust=str_of, more=lambda: (wanted,))

    absent = source.read()
    project(tmp_path / "app", TIGHTER)
    there = source.read()
    project(tmp_path / "app", BOLDER)

    assert len({absent, there, source.read()}) == 3


def test_a_project_that_cannot_be_looked_at_keeps_nobody_from_the_own_policy(tmp_path):
    (tmp_path / "policy.yaml").write_bytes(OWN)
    unseen = tmp_path / ("x" * 300) / ".palingenesis" / "policy.yaml"
    source = FileSource(tmp_path / "policy.yaml", distrust=str_of, more=lambda: (unseen,))

    reading = source.read()

    assert reading.content == OWN
    assert reading.beside == (f"{unseen} file name too long",)


def test_a_link_to_a_file_that_is_extended_may_be_led_elsewhere(tmp_path):
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "team.yaml").write_text(f"version: 1\n# {name}\n")
    (tmp_path / "policy.yaml").write_bytes(EXTENDING)
    team = tmp_path / "team.yaml"
    team.symlink_to(tmp_path / "old" / "team.yaml")
    source = FileSource(tmp_path / "policy.yaml", distrust=str_of)
    source.attend(compiled(EXTENDING, tmp_path / "policy.yaml").files)
    before = source.read()

    team.unlink()
    team.symlink_to(tmp_path / "new" / "team.yaml")

    assert source.read() != before
    assert tmp_path in {Path(place) for path in source.beside for place, _, _ in places_of(path)}

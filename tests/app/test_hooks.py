"""Hooks run by name only, with a clean environment, within their limits, and leave nothing."""

import asyncio
import os
import resource
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from palingenesis.app.hooks import OUTPUT_BYTES_MAX, ConfiguredHooks
from palingenesis.core.effects import Run
from palingenesis.core.values import Result, SessionId
from palingenesis.processes.commands import run_to_end
from palingenesis.processes.finding import carrying
from palingenesis.processes.seeing import all_pids
from palingenesis.runtime.config import HookConfig
from palingenesis.runtime.ports import Outcome

RUN = Run(
    id="5eed-7.0",
    decision=7,
    session=SessionId("ses_1"),
    hook="backup",
    directory="/home/ada/work",
    rule="night",
)


def ran(tmp_path: Path, code: str, *arguments: str, timeout_s: float = 20.0) -> Outcome:
    hook = HookConfig(
        argv=(sys.executable, "-c", code, *arguments), timeout=timedelta(seconds=timeout_s)
    )
    hooks = ConfiguredHooks({"backup": hook}, {"HOME": str(tmp_path), "SECRET": "s3cret"})
    return asyncio.run(hooks.run(RUN))


def is_left(key: str) -> bool:
    """Whether anything of a hook still runs; what was just killed has a moment to be gone."""
    return all(carrying({"PALINGENESIS_KEY": key}) for _ in range(500))


def test_a_hook_that_the_configuration_does_not_define_is_not_run():
    outcome = asyncio.run(ConfiguredHooks({}, {}).run(RUN))

    assert outcome == Outcome(result=Result.FAILED, detail="no hook named backup")


def test_a_hook_is_told_what_it_runs_for_and_nothing_of_our_environment(tmp_path: Path):
    code = (
        "import os, pathlib; pathlib.Path('told').write_text('\\n'.join("
        "f'{k}={v}' for k, v in sorted(os.environ.items()) if k not in ('LC_CTYPE', 'PWD')))"
    )

    assert ran(tmp_path, code).result is Result.OK

    assert (tmp_path / "told").read_text().splitlines() == [
        f"HOME={tmp_path}",
        "LANG=C.UTF-8",
        "PALINGENESIS_DIRECTORY=/home/ada/work",
        "PALINGENESIS_HOOK=backup",
        "PALINGENESIS_KEY=5eed-7.0",
        "PALINGENESIS_RULE=night",
        "PALINGENESIS_SESSION=ses_1",
        "PATH=/usr/local/bin:/usr/bin:/bin",
    ]


def test_a_hook_that_waited_for_others_is_not_run_once_palingenesis_holds_itself(tmp_path: Path):
    go, mark = tmp_path / "go", tmp_path / "mark"
    waits = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)"
    hooks = {
        "slow": HookConfig(argv=(sys.executable, "-c", waits)),
        "last": HookConfig(argv=(sys.executable, "-c", f"open({str(mark)!r}, 'w')")),
    }
    held: list[str] = []

    async def night() -> list[Outcome]:
        configured = ConfiguredHooks(hooks, {}, void=lambda _: "".join(held))
        slow, last = replace(RUN, hook="slow"), replace(RUN, hook="last")
        running = [asyncio.create_task(configured.run(one)) for one in (*[slow] * 4, last)]
        await asyncio.sleep(0)
        held.append("palingenesis holds itself")
        go.touch()
        return await asyncio.gather(*running)

    *slow, last = asyncio.run(night())

    assert [one.result for one in slow] == [Result.OK] * 4
    assert (last.result, last.detail) == (Result.FAILED, "palingenesis holds itself")
    assert not mark.exists()


def test_an_argument_is_an_argument_and_never_a_shell(tmp_path: Path):
    outcome = ran(tmp_path, "import sys; print(sys.argv[1])", "$(touch owned); `touch owned`")

    assert outcome.detail == "hook backup ran: $(touch owned); `touch owned`"
    assert not (tmp_path / "owned").exists()


def test_a_hook_that_fails_says_how_and_its_last_words(tmp_path: Path):
    outcome = ran(tmp_path, "print('first'); print('disk full'); raise SystemExit(3)")

    assert outcome == Outcome(result=Result.FAILED, detail="hook backup: exit code 3: disk full")


def test_a_hook_that_does_not_end_is_ended_with_everything_it_started(tmp_path: Path):
    code = (
        "import subprocess, sys, time;"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "time.sleep(60)"
    )

    outcome = ran(tmp_path, code, timeout_s=1.0)

    assert outcome.result is Result.FAILED
    assert outcome.detail == "hook backup did not end within 1s"
    assert not is_left(RUN.id)


def test_a_hook_is_ended_with_everything_it_started_although_there_are_no_descriptors(
    tmp_path: Path,
):
    mark = tmp_path / "mark"
    stays = "import signal, time; signal.signal(15, signal.SIG_IGN)"
    code = f"{stays}; open({str(mark)!r}, 'w'); time.sleep(60)"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def night() -> Outcome:
        hook = HookConfig(argv=(sys.executable, "-c", code), timeout=timedelta(seconds=1))
        hooks = ConfiguredHooks({"backup": hook}, {"HOME": str(tmp_path)})
        running = asyncio.create_task(hooks.run(replace(RUN, id="5eed-7.9")))
        while not mark.exists():
            await asyncio.sleep(0.01)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            return await running
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert "did not end within 1s" in asyncio.run(night()).detail
    assert not is_left("5eed-7.9")


def test_a_hook_that_leaves_a_child_behind_is_not_waited_for_and_takes_it_along(tmp_path: Path):
    code = (
        "import subprocess, sys;"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print('done', flush=True)"
    )

    outcome = ran(tmp_path, code)

    assert outcome == Outcome(result=Result.OK, detail="hook backup ran: done")
    assert not is_left(RUN.id)


ESCAPES = (
    "subprocess.Popen(['sleep', WORD], start_new_session=True)",
    "subprocess.Popen(['setsid', 'sleep', WORD])",
    "subprocess.Popen(['env', '-i', 'setsid', '-f', 'sleep', WORD])",
    "subprocess.Popen(['sh', '-c', '(setsid sleep ' + WORD + ' &) & trap \"\" TERM; sleep 60'])",
    "[subprocess.Popen(['sleep', WORD], start_new_session=True) for _ in range(40)]",
)


@pytest.mark.parametrize("ending", ["", "; signal.signal(15, signal.SIG_IGN); time.sleep(60)"])
@pytest.mark.parametrize("escape", ESCAPES)
def test_nothing_that_a_hook_starts_outlives_it_wherever_it_hides(
    tmp_path: Path, escape: str, ending: str
):
    word = f"{60 + ESCAPES.index(escape)}.{len(ending)}{os.getpid()}"
    code = f"import signal, subprocess, time; WORD = {word!r}; {escape}; time.sleep(0.3){ending}"

    ran(tmp_path, code, timeout_s=1.0)

    assert [pid for pid in all_pids() if word in words_of(pid)] == []


def test_a_hook_that_is_given_up_because_we_stop_is_ended_with_what_it_started(tmp_path: Path):
    word = f"71.{os.getpid()}"
    code = (
        "import subprocess, time, pathlib;"
        f"subprocess.Popen(['sleep', {word!r}], start_new_session=True);"
        "pathlib.Path('began').touch(); time.sleep(60)"
    )
    hook = HookConfig(argv=(sys.executable, "-c", code))
    hooks = ConfiguredHooks({"backup": hook}, {"HOME": str(tmp_path)})

    async def stopped() -> None:
        running = asyncio.ensure_future(hooks.run(RUN))
        while not (tmp_path / "began").exists():
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.wait({running})
        async with asyncio.timeout(10):
            while any(word in words_of(pid) for pid in all_pids()):
                await asyncio.sleep(0.05)

    asyncio.run(stopped())


def words_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def test_a_hook_that_talks_without_end_neither_blocks_nor_fills_our_memory(tmp_path: Path):
    code = "import sys\nfor _ in range(4000): print('x' * 1000)\nprint('the end')"

    async def talk() -> bytes:
        done = await run_to_end(
            [sys.executable, "-c", code],
            env={},
            cwd=tmp_path,
            timeout_s=20,
            output_max=OUTPUT_BYTES_MAX,
        )
        return done.output

    output = asyncio.run(talk())

    assert len(output) == OUTPUT_BYTES_MAX
    assert output.endswith(b"the end\n")


@pytest.mark.parametrize("program", ["/nonexistent/program", "a\0b"])
def test_a_program_that_cannot_be_started_is_a_failure_with_a_reason(program: str):
    hooks = ConfiguredHooks({"backup": HookConfig(argv=(program,))}, {})

    outcome = asyncio.run(hooks.run(RUN))

    assert outcome.result is Result.FAILED
    assert outcome.detail.startswith("hook backup cannot be started: ")


def script(tmp_path: Path) -> Path:
    path = tmp_path / "hook.sh"
    path.write_text("#!/bin/sh\necho ran\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("before", [(), ("/bin/sh",), ("sh", "-e")])
def test_a_program_that_others_can_change_is_not_run(tmp_path: Path, before: tuple[str, ...]):
    path = script(tmp_path)
    hooks = ConfiguredHooks({"backup": HookConfig(argv=(*before, str(path)))}, {})

    assert asyncio.run(hooks.run(RUN)).detail == "hook backup ran: ran"

    path.chmod(0o775)
    outcome = asyncio.run(hooks.run(RUN))

    assert outcome.result is Result.FAILED
    assert outcome.detail.startswith(f"hook backup is not run: {path} can be written by other")
    assert outcome.detail.endswith(f"(chmod go-w {path})")


def test_a_script_that_cannot_be_looked_at_is_not_run(tmp_path: Path):
    path = tmp_path / "hook.sh"
    path.symlink_to(path)  # as behind a folder that is closed to us, nobody can tell what it is
    hooks = ConfiguredHooks({"backup": HookConfig(argv=("/bin/echo", str(path)))}, {})

    detail = asyncio.run(hooks.run(RUN)).detail

    assert detail.startswith(f"hook backup is not run: {path} cannot be looked at: too many levels")


@pytest.mark.parametrize("word", ["/nowhere/hook.sh", "/etc/passwd/hook.sh", f"/{'x' * 300}/"])
def test_an_argument_that_names_no_file_is_an_argument(word: str):
    hooks = ConfiguredHooks({"backup": HookConfig(argv=("/bin/echo", word))}, {})

    assert asyncio.run(hooks.run(RUN)).result is Result.OK


def test_what_a_hook_says_cannot_steer_a_terminal(tmp_path: Path):
    outcome = ran(tmp_path, "print('\\x1b[2Jowned\\x07')")

    assert "\x1b" not in outcome.detail
    assert "\x07" not in outcome.detail

"""Whatever the umask is: what we write is ours alone; what agents write is their business."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from palingenesis.demo.replies import Text
from tests.live.night import Night
from tests.torture.standing_in import stand_in

pytestmark = pytest.mark.e2e


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_everything_of_ours_is_for_our_eyes_only_under_any_umask(mask: int):
    with stand_in() as opencode, Night(opencode, daemon_starts=False) as night:
        (night.root / "config" / "config.toml").chmod(0o600)
        with umask(mask):
            night.start()
        night.provider.script(Text(text="done"))
        session = night.begin("do it")
        night.wait_for(session, "completed", timeout_s=60)

        ours = [
            night.state,
            night.root / "run",
            *night.state.rglob("*"),
            *_files(night.root / "run"),
        ]
        open_to_others = [f"{place} {place.stat().st_mode:o}" for place in ours if _is_open(place)]
        assert open_to_others == []
        assert len(ours) > 6
        agent = night.agent_pid()
        status = Path(f"/proc/{agent}/status").read_text()
        assert f"Umask:\t{mask:04o}" in status  # her projects' files keep the modes that she wants


def _files(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


def _is_open(place: Path) -> bool:
    return bool(place.stat().st_mode & 0o077)

"""What the daemon costs while nothing happens, beside a real server with a finished session."""

from pathlib import Path

from tests.live.night import Night

PROMISED_MIB = 40.0
LEEWAY = 1.05
"""Between machines: other versions of Python and of the C library, other sizes of pages."""


def rss_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Rss:"))


def test_an_idle_daemon_keeps_to_the_memory_that_is_promised(opencode: Path):
    with Night(opencode, check_interval="5s") as night:
        session = night.begin("do it")
        night.wait_for(session, "completed")
        assert night.daemon is not None

        assert rss_mib(night.daemon.pid) <= PROMISED_MIB * LEEWAY

"""One night with a fault: calls of the daemon fail, that is over, and all is as it should be."""

import asyncio
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field

from palingenesis.control.client import ControlClient
from palingenesis.core.errors import ExitCode, PalingenesisError
from palingenesis.runtime.door import Status
from tests.torture.failing.fault import Fault, Part
from tests.torture.killing.night import Night
from tests.torture.killing.run import Plan, Run, Told
from tests.torture.killing.stage import LOOK_S, Stage
from tests.torture.killing.zygote import Zygote
from tests.torture.preload import Arming, Mode

LASTS_S = 1.5
"""How long a fault lasts that does not happen only once."""
SERVICE_S = 10.0
KILLED_AT = 60
"""The boundary after which the daemon dies, where the fault is to meet the start after that."""
_OURS = "a mistake in palingenesis"
"""How an error is told that nobody has thought of."""
_PROGRAM = re.compile(r"\.(py|so)'")
"""Its own program it has to be able to read: what the bench has not imported before, it imports."""
FOR_GOOD = frozenset({ExitCode.INVALID, ExitCode.USAGE})
"""A daemon that ends with these is not started again."""


@dataclass(slots=True, kw_only=True)
class Failed(Told):
    """How a run with a fault went."""

    calls: dict[str, int] = field(default_factory=dict)
    """Of a run without a fault: how often each call came."""
    served_s: list[float] = field(default_factory=list)
    """From the end of the fault until normal service."""
    exits: list[int] = field(default_factory=list)
    """With what the daemon ended by itself."""


class FaultyRun(Run):
    """One run. Without a fault it counts what there is to fail."""

    told: Failed
    limit_s = 60.0

    def __init__(
        self, stage: Stage, zygote: Zygote, night: Night, part: Part, fault: Fault | None
    ) -> None:
        super().__init__(stage, zygote, night, Plan())
        self.told = Failed()
        self._part = part
        self._fault = fault
        self._is_over = False
        self._lifting: asyncio.Task[None] | None = None
        self._heard = 0
        self._said()

    # ── the daemon ────────────────────────────────────────────────────────────────────────────

    def counts(self) -> None:
        """See `Run`; a fault that is over does not come back."""
        if not self._is_over:
            super().counts()

    def _armed(self, number: int) -> Arming | None:
        mine = 0 if self._part is Part.NIGHT else 1
        if number < mine:
            report = self._reporting(is_on=False)
            return Arming(report=report, mode=Mode.KILL_AFTER, at=KILLED_AT)
        if self._fault is None:
            return Arming(report=self._reporting(is_on=number > 0)) if number == mine else None
        if number == mine:
            return self._fault.arming(self._reporting(is_on=number > 0))
        if not self._fault.lasts or self._is_over:
            return None
        return self._fault.still(self._reporting(is_on=True))

    def _count(self) -> None:
        report, self._report = self._report, None
        if report is None:
            return
        if self._part is Part.START and not self.told.kills:
            self.told.kills += [report.name] if report.hits else []
        elif self._fault is None:
            self.told.calls = report.calls
        else:
            self.told.faults += report.hits
        report.close()

    def _has_ended(self, code: int) -> bool:
        mistakes = [line for line in self._said().splitlines() if _OURS in line]
        for line in mistakes:
            if not _PROGRAM.search(line):
                self.told.problems.append(f"a mistake of ours ended the daemon: {line}")
        if code < 0 or code not in set(ExitCode) or code in FOR_GOOD:
            problem = f"the daemon ended for good, with {code}"
            self.told.problems += [problem] if problem not in self.told.problems else []
        if not self._stopping:
            self.told.exits.append(code)
        self.journal.look()
        return self._stopping and not self.journal.open  # what is open, the next start takes up

    def _said(self) -> str:
        """What the daemon has said since we looked last."""
        log = self.stage.folder / "daemon.log"
        said = log.read_bytes()[self._heard :] if log.exists() else b""
        self._heard += len(said)
        return said.decode(errors="replace")

    # ── the fault ─────────────────────────────────────────────────────────────────────────────

    async def _play(self) -> None:
        if self._fault is not None:
            self._lifting = asyncio.create_task(self._lift(self._fault))
        await super()._play()

    async def _be_quiet(self) -> None:
        if self._lifting is not None and self._hits:
            await self._lifting
        await super()._be_quiet()

    async def _end(self, keeper: "asyncio.Task[None]") -> None:
        if self._lifting is not None:
            self._lifting.cancel()
            with suppress(asyncio.CancelledError):
                await self._lifting
        await super()._end(keeper)

    @property
    def _hits(self) -> int:
        now = self._report
        is_mine = now is not None and (self._part is Part.NIGHT or bool(self.told.kills))
        return self.told.faults + (now.hits if now is not None and is_mine else 0)

    async def _lift(self, fault: Fault) -> None:
        """End the fault some time after it began, and see how soon there is normal service."""
        while not self._hits:
            await asyncio.sleep(LOOK_S)
        if fault.lasts:
            await asyncio.sleep(LASTS_S)
        self._is_over = True
        if self._report is not None and fault.lasts:
            self._report.switch_off()
        began = time.monotonic()
        is_late = False
        while not self._stopping and (why := await self._why_not()):
            if not is_late and time.monotonic() - began > SERVICE_S:
                is_late = True
                self.told.problems.append(f"no service {SERVICE_S:g} s after the fault: {why}")
            await asyncio.sleep(LOOK_S * 5)
        if not self._stopping:
            self.told.served_s.append(time.monotonic() - began)

    async def _why_not(self) -> str:
        """What is missing of normal service; "" when all is well."""
        client = ControlClient(self.stage.folder / "run" / "control.sock", timeout_s=2)
        try:
            status = await asyncio.to_thread(client.status)
        except PalingenesisError as error:
            return error.message
        return _trouble(status)


def _trouble(status: Status) -> str:
    if status["safe_hold"] is not None:
        return f"it holds itself: {status['safe_hold']['what']}"
    if not status["journal"]["ok"]:
        return status["journal"]["detail"]
    down = [agent["detail"] or agent["id"] for agent in status["agents"] if not agent["up"]]
    return f"down: {down}" if down or not status["agents"] else ""

"""Work goes on in new sessions: what the earlier ones wrote belongs to the later ones too."""

from typing import Final

from palingenesis.assistants.opencode.client import OpenCode
from palingenesis.assistants.opencode.messages import Large
from palingenesis.assistants.opencode.prompting import MARK
from palingenesis.assistants.opencode.signals import SessionSummary
from palingenesis.assistants.opencode.transcript import read_transcript
from palingenesis.assistants.opencode.untrusted import text

GENERATIONS_MAX: Final = 8


async def inherited(client: OpenCode, session: str) -> tuple[str, ...]:
    """Paths that the tools of the sessions wrote which this one continues, oldest first.

    Only a session of our own making continues another one; how far back is bounded.

    Raises:
        AssistantError: the server could not be asked.
    """
    seen: set[str] = set()
    info = await client.session(session)
    generations: list[tuple[str, ...]] = []
    while info is not None and len(generations) < GENERATIONS_MAX:
        seen.add(info.id)
        earlier = predecessor_of(info)
        info = await client.session(earlier) if earlier and earlier not in seen else None
        if info is not None:
            # What was written in a message too large to be read is missing; the rest is known.
            said = await client.messages(info.id, large=Large.NAMED)
            generations.append(read_transcript(said).written)
    return tuple(path for written in reversed(generations) for path in written)


def predecessor_of(info: SessionSummary) -> str:
    """The session that this one continues; "" if it continues none of ours."""
    return text(info.metadata.get(MARK), "from")

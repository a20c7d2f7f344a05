"""Names that an agent can choose lead nowhere outside its project: no file there is even opened."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from palingenesis import shipped
from palingenesis.core.policy.outside import Loaded
from palingenesis.core.values import SessionId
from palingenesis.runtime.project_policy import Base, Found, find_project
from palingenesis.sensors.work import FolderWork
from tests.sensors.opened import Opened

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs inotify")

MARK = "PWNED by the file outside"
NOTE = f"# Step 1: {MARK}\n"
DOCUMENT = f"---\nstepsCompleted: [1, 2]\nworkflowType: {MARK}\n---\n{MARK}\n"
TRAVERSALS = (
    "../outside/{name}",
    "../../{project}/../outside/{name}",
    "sub/../../outside/{name}",
    "./../outside/./{name}",
    "{outside}/{name}",
    "//{outside}/{name}",
    "{project}/../outside/{name}",
    "link/{name}",
    "deep/link/{name}",
    "link/../outside/{name}",
    "file-link.md",
    "chain.md",
    "..\\outside\\{name}",
    "%2e%2e/outside/{name}",
    "..%2foutside%2f{name}",
    "\u2025/outside/{name}",
    "~/../outside/{name}",
    "{name}\0.md",
    "../outside/{name}\0",
    "/proc/self/root{outside}/{name}",
    "/proc/self/cwd/../outside/{name}",
    "file://{outside}/{name}",
    "a" * 5000,
    "../" * 800 + "etc/passwd",
)


class Place:
    """A project with links out of it, and what lies outside."""

    def __init__(self, root: Path) -> None:
        self.project, self.outside = root / "project", root / "outside"
        for folder in (self.project / "sub", self.project / "deep", self.outside):
            folder.mkdir(parents=True)
        for name in ("Next-step.md", "plan.md", "policy.yaml"):
            (self.outside / name).write_text(NOTE if name.startswith("Next") else DOCUMENT)
        (self.project / "link").symlink_to(self.outside)
        (self.project / "deep" / "link").symlink_to("../../outside")
        (self.project / "file-link.md").symlink_to(self.outside / "plan.md")
        (self.project / "chain.md").symlink_to("file-link.md")
        self.backups = root / "backups"
        self.work = FolderWork(backups=self.backups, globs=("link/*.md", "../outside/*.md", "*.md"))

    def named(self, pattern: str, name: str) -> str:
        """The traversal with this place's paths in it."""
        words = {"project": str(self.project), "outside": str(self.outside), "name": name}
        return pattern.format(**words)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("pattern", TRAVERSALS)
def test_no_document_that_a_session_names_is_opened_outside_its_project(place: Place, pattern: str):
    with Opened(place.outside) as opened:
        written = [place.named(pattern, "plan.md")]
        facts = place.work.facts(str(place.project), written)
        handoff = place.work.handoff(
            str(place.project),
            written,
            source=place.named(pattern, "Next-step.md"),
            todos=["go on"],
            last="",
        )

        assert opened.names() == []
    assert facts["work.state"] == "absent"
    assert facts["work.next_file"] is False
    assert handoff is not None
    assert MARK not in handoff.text


def test_a_note_that_is_a_link_out_of_the_project_is_no_note(place: Place):
    (place.project / "Next-step.md").symlink_to(place.outside / "Next-step.md")
    with Opened(place.outside) as opened:
        facts = place.work.facts(str(place.project), [])

        assert opened.names() == []
    assert facts["work.next_file"] is False


@pytest.mark.parametrize(
    "session", ["../../outside/x", "/etc/x", "a\0b", "x" * 5000, "..", "\ud800", "$(id)", ""]
)
def test_a_backup_lies_in_its_folder_whatever_the_session_is_called(place: Place, session: str):
    with Opened(place.outside) as opened:
        path = place.work.keep(
            SessionId(session), datetime(2026, 11, 1, tzinfo=UTC), f"# {session}"
        )

        assert opened.names() == []
    assert Path(path).parent == place.backups
    assert [one.name for one in place.backups.iterdir()] == ["session-backup-20261101-0000.md"]


def test_a_backup_never_goes_through_a_link(place: Place):
    place.backups.mkdir(mode=0o700)
    taken = place.backups / "session-backup-20261101-0000.md"
    taken.symlink_to(place.outside / "plan.md")

    path = place.work.keep(SessionId("s"), datetime(2026, 11, 1, tzinfo=UTC), "# mine")

    assert path.endswith("session-backup-20261101-0000-2.md")
    assert (place.outside / "plan.md").read_text() == DOCUMENT


def found(place: Place, text: str | None) -> Found | None:
    own = shipped.policy()
    base = Base(
        own=Loaded(name=str(own), text=own.read_bytes()),
        schema=shipped.schema("policy").read_text(),
        presets=shipped.presets(),
        environ={"HOME": str(place.outside)},
        params={},
    )
    if text is not None:
        (place.project / ".palingenesis").mkdir()
        (place.project / ".palingenesis" / "policy.yaml").write_text(text)
    return find_project(str(place.project), base, {})


@pytest.mark.parametrize(
    "named",
    [
        "../../outside/policy.yaml", "{outside}/policy.yaml", "~/policy.yaml",
        "../link/policy.yaml", "../link/../outside/plan.md",
    ],
)  # fmt: skip
def test_what_a_project_that_is_not_trusted_extends_is_not_even_opened(place: Place, named: str):
    with Opened(place.outside) as opened:
        it = found(place, f"version: 1\nextends: ['{place.named(named, '')}']\n")

        assert opened.names() == []
    assert it is not None
    assert it.overlay() is None
    assert it.files == ()


@pytest.mark.parametrize("way", ["file", "folder"])
def test_a_policy_that_a_project_links_from_outside_is_not_even_opened(place: Place, way: str):
    if way == "file":
        (place.project / ".palingenesis").mkdir()
        (place.project / ".palingenesis" / "policy.yaml").symlink_to(place.outside / "policy.yaml")
    else:
        (place.project / ".palingenesis").symlink_to(place.outside)
    with Opened(place.outside) as opened:
        it = found(place, None)

        assert opened.names() == []
    assert it is not None
    assert it.overlay() is None
    assert it.trouble.startswith(f"it leads out of the project, to {place.outside}/policy.yaml")


def test_the_watch_would_have_seen_it(place: Place):
    with Opened(place.outside) as opened:
        (place.project / "link" / "plan.md").read_text()

        assert opened.names() == ["plan.md"]

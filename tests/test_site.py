"""The documentation as a site: each page has its place, no link is dead, nothing is fetched."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SETTINGS = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
FETCHED_BY_THE_THEME = {"mermaid", "glightbox", "pyodide", "arithmatex"}
"""Classes for which the theme's script, or a script that it wants, is fetched from another host."""


def entries(nav: Sequence[str | Mapping[str, object]]) -> Iterator[str]:
    """Every page of the navigation, in its order."""
    for one in nav:
        if isinstance(one, str):
            yield one
            continue
        (inner,) = one.values()
        yield from [inner] if isinstance(inner, str) else entries(inner)  # type: ignore[arg-type]


class Page(HTMLParser):
    """What a built page loads, links to, and is styled as."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: set[str] = set()
        self.classes: set[str] = set()
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        self.classes |= set(has.get("class", "").split())
        self.ids |= {has["id"]} if "id" in has else set()
        if tag in LOADS and has.get("rel") not in {"canonical", "prev", "next", "alternate"}:
            self.loads |= {has[LOADS[tag]]} if LOADS[tag] in has else set()


@pytest.fixture(name="site", scope="module")
def _site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `.ci/run docs` builds it, somewhere else."""
    place = tmp_path_factory.mktemp("site")
    shutil.copytree(DOCS, place / "docs")
    shutil.copy(ROOT / "zensical.toml", place)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    built = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return place / "site"


def built_pages(site: Path) -> dict[str, Page]:
    return {
        str(path.relative_to(site)): Page(path.read_text(encoding="utf-8"))
        for path in sorted(site.rglob("*.html"))
    }


def test_every_page_has_one_place_in_the_navigation_and_every_place_a_page():
    named = list(entries(SETTINGS["nav"]))

    assert len(named) == len(set(named))
    assert sorted(named) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def test_the_readme_leads_to_every_page_that_is_no_part_of_a_series():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    folders = ("tutorial", "how-to", "reference", "explanation")
    pages = [page for folder in folders for page in (DOCS / folder).glob("*.md")]

    assert [page for page in pages if f"({page.relative_to(ROOT)})" not in readme] == []


def test_the_site_is_built_without_a_dead_link_and_has_every_page(site: Path):
    wanted = {str(page.relative_to(DOCS).with_suffix(".html")) for page in DOCS.rglob("*.md")}

    assert wanted <= set(built_pages(site))


def test_no_page_loads_anything_from_another_host(site: Path):
    far = {
        (name, load)
        for name, page in built_pages(site).items()
        for load in page.loads
        if re.match(r"(?:[a-z]+:)?//", load)
    }
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))

    assert far == set()
    assert re.findall(r"@import|url\([\"']?(?:https?:)?//", styles) == []


def test_no_page_makes_the_theme_fetch_a_script(site: Path):
    asking = {
        (name, found)
        for name, page in built_pages(site).items()
        for found in page.classes & FETCHED_BY_THE_THEME
    }

    assert asking == set()


def test_ci_builds_the_site_strictly():
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    assert "zensical build --strict --clean" in steps
    assert re.search(r"steps=\(.*\bdocs\b.*\)", steps)

"""Entries and policies are read from the pages by themselves, exactly as SQLite reads them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from mmap import ACCESS_READ, mmap
from pathlib import Path

import pytest

from palingenesis.journal import SqliteJournal
from palingenesis.journal.leaves import Leaves, _cells, _payload, _values, _varint
from palingenesis.journal.rows import COLUMNS, PolicyText, Row
from tests.journal.nights import adopted, stopped, turn

PAGE = 4096
LENGTHS = (0, 50, *range(3_300, 3_800, 7), *range(7_400, 7_900, 11), 12_000, 70_000)
"""Of texts: within a page, around what a page holds, and over many pages."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal with entries and policies of many lengths."""
    path = tmp_path_factory.mktemp("written") / "journal.db"
    with SqliteJournal.open(path) as journal:
        for number, length in enumerate(LENGTHS, start=1):
            journal.append(turn(stopped(number, message="é" + "m" * length)))
        for length in (10, 3_000, 30_000):
            journal.append(turn(adopted(f"d{length}", rules=["r" * length])))
    return path


def by_sqlite(path: Path) -> tuple[list[Row], list[PolicyText]]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(f"SELECT {COLUMNS} FROM entries ORDER BY seq")
        texts = connection.execute("SELECT content, digest, name, resolved FROM policies")
        return [Row(*row) for row in rows], [PolicyText(*text) for text in texts]


def looked_at(path: Path) -> Leaves:
    leaves = Leaves(path, PAGE)
    leaves.look()
    return leaves


def test_every_entry_and_every_policy_is_read_as_sqlite_reads_it(written: Path) -> None:
    rows, policies = by_sqlite(written)

    leaves = looked_at(written)

    assert len(rows) == len(LENGTHS) + 3
    assert list(leaves.rows()) == rows
    assert list(leaves.policies()) == policies


def test_nothing_that_was_not_written_is_read_and_only_what_is_cut_off_is_missing(
    written: Path, tmp_path: Path
) -> None:
    rows, _ = by_sqlite(written)
    content = written.read_bytes()
    copy = tmp_path / "copy"
    before = 0

    for pages in range(10, len(content) // PAGE + 1, 9):
        copy.write_bytes(content[: pages * PAGE])
        found = list(looked_at(copy).rows())

        assert set(found) <= set(rows)
        assert len(found) >= before, "more pages, no fewer entries"
        before = len(found)

    copy.write_bytes(content[:-1])
    assert set(looked_at(copy).rows()) <= set(rows)


def overflowing(path: Path) -> Iterator[int]:
    """Where the pages begin in which a long entry goes on: those full of `m`."""
    content = path.read_bytes()
    for start in range(0, len(content), PAGE):
        if content[start + 4 : start + PAGE] == b"m" * (PAGE - 4):
            yield start


@pytest.mark.parametrize("following", [0, 1 << 31, 1])
def test_an_entry_whose_end_is_lost_is_left_out_and_the_others_are_read(
    written: Path, tmp_path: Path, following: int
) -> None:
    rows, _ = by_sqlite(written)
    content = bytearray(written.read_bytes())
    *_, last_but_one, _ = overflowing(written)
    content[last_but_one : last_but_one + 4] = following.to_bytes(4, "big")
    copy = tmp_path / "copy"
    copy.write_bytes(content)

    found = list(looked_at(copy).rows())

    (lost,) = set(rows) - set(found)
    assert len(lost.event) > 2 * PAGE


def test_a_policy_that_was_changed_is_left_out(written: Path, tmp_path: Path) -> None:
    _, policies = by_sqlite(written)
    content = written.read_bytes().replace(b'{"rules":["rrrrrrrrrr"]}', b'{"rules":["rrrrrxrrrr"]}')
    copy = tmp_path / "copy"
    copy.write_bytes(content)

    assert list(looked_at(copy).policies()) == policies[1:]


def test_an_entry_that_was_changed_is_left_out(written: Path, tmp_path: Path) -> None:
    rows, _ = by_sqlite(written)
    copy = tmp_path / "copy"
    copy.write_bytes(written.read_bytes().replace(b'"key":"msg_2"', b'"key":"msg_X"', 1))

    assert list(looked_at(copy).rows()) == [row for row in rows if row.seq != 2]


# ── single pages ──────────────────────────────────────────────────────────────────────────────


def leaf(cell: bytes, *, count: int = 1, at: int | None = None, kind: int = 0x0D) -> bytes:
    """A page with a cell at its end."""
    page = bytearray(PAGE)
    page[0], page[3:5] = kind, count.to_bytes(2, "big")
    place = PAGE - len(cell) if at is None else at
    page[8:10] = place.to_bytes(2, "big")
    page[PAGE - len(cell) :] = cell
    return bytes(page)


@pytest.mark.parametrize(
    ("page", "places"),
    [
        (leaf(b"abc"), [PAGE - 3]),
        (leaf(b"abc", kind=5), []),
        (leaf(b"abc", count=0), []),
        (leaf(b"", at=8), []),
        (leaf(b"", at=9), [9]),
        (leaf(b"", at=PAGE - 1), [PAGE - 1]),
        (leaf(b"", at=PAGE), []),
        (leaf(b"abc", count=2), [PAGE - 3]),
        (leaf(b"abc", count=0xFFFF), [PAGE - 3, ord("a")]),
    ],
)
def test_the_cells_of_a_page_are_where_it_says_and_never_outside_of_it(
    page: bytes, places: list[int]
) -> None:
    assert list(_cells(page)) == places


@pytest.mark.parametrize("cell", [b"\x81", b"\x05\x81", b"\xff" * 8])
def test_a_cell_that_does_not_end_in_its_page_is_no_entry(tmp_path: Path, cell: bytes) -> None:
    path = tmp_path / "pages"
    path.write_bytes(leaf(cell))

    assert list(looked_at(path).rows()) == []


@pytest.mark.parametrize(
    "cell", [b"\x87\xff\xff\xff\x7f\x01", b"\x8f\xff\x7f\x01", b"\x03\x01\x02\x08"]
)
def test_a_cell_that_says_what_cannot_be_is_no_entry(tmp_path: Path, cell: bytes) -> None:
    path = tmp_path / "pages"
    path.write_bytes(leaf(cell + bytes(60)))

    assert list(looked_at(path).rows()) == []
    assert list(looked_at(path).policies()) == []


@pytest.mark.parametrize("broken", [b"\x05\x05" + b"\x7f" * 5, b"\xff" * 5])
def test_what_stands_after_a_cell_that_cannot_be_read_is_read(
    written: Path, tmp_path: Path, broken: bytes
) -> None:
    rows, _ = by_sqlite(written)
    page = bytearray(next(it for it in pages(written) if len(list(_cells(it))) > 1))
    _, *others = _cells(bytes(page))
    page[8:10] = (PAGE - len(broken)).to_bytes(2, "big")
    page[PAGE - len(broken) :] = broken
    path = tmp_path / "pages"
    path.write_bytes(page)

    found = list(looked_at(path).rows())

    assert len(found) == len(others)
    assert set(found) <= set(rows)


def test_an_entry_is_read_though_something_else_looks_like_it(
    written: Path, tmp_path: Path
) -> None:
    rows, _ = by_sqlite(written)
    page = next(pages(written))
    (seq,) = (_varint(page, _varint(page, at)[1])[0] for at in list(_cells(page))[:1])
    path = tmp_path / "pages"
    path.write_bytes(leaf(bytes([5, seq]) + b"\x7f" * 5) + page)

    assert rows[seq - 1] in list(looked_at(path).rows())


def pages(path: Path) -> Iterator[bytes]:
    """Those in which entries are."""
    content = path.read_bytes()
    for start in range(0, len(content), PAGE):
        page = content[start : start + PAGE]
        if page[0] == 0x0D and b"SessionStopped" in page:
            yield page


@pytest.mark.parametrize("others", [("x",), ("x", 1), ("x", 1, "y"), (1,) * 12])
def test_a_row_of_another_table_is_no_entry(tmp_path: Path, others: tuple[str | int, ...]) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        columns = ", ".join(f"c{number}" for number in range(len(others)))
        connection.execute(f"CREATE TABLE others (id INTEGER PRIMARY KEY, {columns})")
        marks = ", ".join("?" * len(others))
        connection.execute(f"INSERT INTO others VALUES (1, {marks})", others)

    assert list(looked_at(path).rows()) == []


# ── the format of SQLite ──────────────────────────────────────────────────────────────────────

NUMBERS = (1, 2, 127, 128, 129, 16_383, 16_384, 2**31, 2**56 - 1, 2**56, 2**62 + 12_345)


def test_the_numbers_of_rows_are_read_as_sqlite_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE numbers (id INTEGER PRIMARY KEY, n)")
        for number in NUMBERS:
            connection.execute("INSERT INTO numbers VALUES (?, ?)", (number, number))
    page = path.read_bytes()[PAGE:]

    read = [_varint(page, _varint(page, at)[1])[0] for at in _cells(page)]

    assert read == list(NUMBERS)


def test_the_longest_number_ends_after_nine_bytes() -> None:
    assert _varint(b"\xff" * 12, 1) == ((1 << 64) - 1, 10)


@pytest.mark.parametrize("around", [PAGE - 35, 2 * PAGE - 39, 3 * PAGE - 43])
def test_what_goes_on_in_another_page_is_gathered_to_the_byte(tmp_path: Path, around: int) -> None:
    path = tmp_path / "long.db"
    texts = [f"{number:05}" * (around // 5) for number in range(12)]
    texts = [(text + "x" * 9)[: around - 8 + number] for number, text in enumerate(texts)]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE long (id INTEGER PRIMARY KEY, text)")
        connection.executemany("INSERT INTO long (text) VALUES (?)", [(it,) for it in texts])

    found = dict[int, str]()
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        for start in range(PAGE, len(content), PAGE):
            for at in _cells(content[start : start + PAGE]):
                number, _ = _varint(content, _varint(content, start + at)[1])
                _, found[number] = map(str, _values(_payload(content, start + at, PAGE)))

    assert [found[number] for number in sorted(found)] == texts


VALUES = (None, 0, 1, 2, -1, 127, -128, 32_767, 8_388_607, -(2**31), 2**47 - 1, 2**63 - 1, "", "é")


def test_the_values_of_a_row_are_read_as_sqlite_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        names = ", ".join(f"c{number}" for number in range(len(VALUES)))
        marks = ", ".join("?" * len(VALUES))
        connection.execute(f"CREATE TABLE anything ({names})")
        connection.execute(f"INSERT INTO anything VALUES ({marks})", VALUES)
    page = path.read_bytes()[PAGE:]
    (at,) = _cells(page)
    length, at = _varint(page, at)
    _, at = _varint(page, at)

    assert list(_values(page[at : at + length])) == list(VALUES)


@pytest.mark.parametrize("kind", [7, 10, 11, 12, 14])
def test_a_value_of_a_kind_that_we_never_write_is_refused(kind: int) -> None:
    with pytest.raises(ValueError, match="of this kind"):
        list(_values(bytes([2, kind, *bytes(8)])))

"""Ten ways in which people and programs save a file, each with the moments at which it is half."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

GAP_S_MAX = 0.2
"""A writer that closes the file and comes back does so within this; longer, and nobody could tell
its half from a whole."""
TOLD_S_MAX = 0.25


class Desk:
    """Where one policy lies: `current/policy.yaml`, with `current` a link to a folder."""

    def __init__(self, root: Path, dice: Random) -> None:
        self.root = root
        self.dice = dice
        self.number = 0
        self.excused: list[bytes] = []
        """Halves that looked whole for longer than anybody could wait."""
        first = root / "gen-0"
        first.mkdir(parents=True)
        (root / "current").symlink_to("gen-0")
        self.path = root / "current" / "policy.yaml"

    def beside(self, name: str) -> Path:
        """A fresh name in the folder of the file."""
        self.number += 1
        return self.path.with_name(f".{name}-{self.number}")

    def moment(self, most_s: float = 0.02) -> None:
        """Whatever a writer does between two calls."""
        time.sleep(self.dice.random() * most_s)

    def pieces(self, data: bytes) -> list[bytes]:
        """The content in a few writes."""
        cuts = sorted(self.dice.randint(0, len(data)) for _ in range(self.dice.randint(1, 4)))
        return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def in_place(desk: Desk, data: bytes) -> None:
    """Truncated and written in pieces: `cat >`, nano."""
    with desk.path.open("wb", buffering=0) as file:
        for piece in desk.pieces(data):
            file.write(piece)
            desk.moment(0.15)


def renamed_over(desk: Desk, data: bytes) -> None:
    """A new file takes its place: most editors."""
    fresh = desk.beside("fresh")
    with fresh.open("wb", buffering=0) as file:
        for piece in desk.pieces(data):
            file.write(piece)
            desk.moment()
    fresh.replace(desk.path)


def with_backup(desk: Desk, data: bytes) -> None:
    """The old one is moved aside, a new one is written, the old one is removed: vim."""
    old = desk.beside("old~")
    desk.path.rename(old)
    desk.moment()
    with desk.path.open("wb", buffering=0) as file:
        for piece in desk.pieces(data):
            file.write(piece)
            desk.moment(0.1)
    old.unlink()


def deleted_first(desk: Desk, data: bytes) -> None:
    """Deleted and made again, some time later."""
    desk.path.unlink()
    desk.moment(0.5)
    with desk.path.open("xb", buffering=0) as file:
        for piece in desk.pieces(data):
            file.write(piece)
            desk.moment(0.05)


def in_two_bursts(desk: Desk, data: bytes) -> None:
    """Closed after the first half, opened once more for the second: a script with `>>`."""
    half = desk.dice.randint(0, len(data))
    desk.path.write_bytes(data[:half])
    left = time.monotonic()
    time.sleep(desk.dice.random() * GAP_S_MAX)
    with desk.path.open("ab", buffering=0) as file:
        if time.monotonic() - left > TOLD_S_MAX:
            desk.excused.append(data[:half])  # a busy machine: it stayed away for too long
        file.write(data[half:])


def over_a_link(desk: Desk, data: bytes) -> None:
    """The path is a link that is led elsewhere at once: home-manager, stow."""
    real = desk.beside("real")
    real.write_bytes(data)
    link = desk.beside("link")
    link.symlink_to(real.name)
    desk.moment()
    link.replace(desk.path)


def over_a_folder(desk: Desk, data: bytes) -> None:
    """The whole folder is exchanged: a mounted configuration."""
    desk.number += 1
    folder = desk.root / f"gen-{desk.number}"
    folder.mkdir()
    (folder / "policy.yaml").write_bytes(data)
    link = desk.root / f".link-{desk.number}"
    link.symlink_to(folder.name)
    desk.moment()
    link.replace(desk.root / "current")


def piece_by_piece(desk: Desk, data: bytes) -> None:
    """Overwritten from the end to the beginning, and cut at last: rsync --inplace."""
    file = os.open(desk.path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        at = len(data)
        for piece in reversed(desk.pieces(data)):
            at -= len(piece)
            os.pwrite(file, piece, at)
            desk.moment(0.1)
        os.ftruncate(file, len(data))
    finally:
        os.close(file)


def emptied_first(desk: Desk, data: bytes) -> None:
    """Emptied, closed, and filled later: a slow network file system."""
    desk.path.write_bytes(b"")
    desk.moment(1.0)
    with desk.path.open("r+b", buffering=0) as file:
        for piece in desk.pieces(data):
            file.write(piece)
            desk.moment(0.05)


def linked_and_touched(desk: Desk, data: bytes) -> None:
    """A hard link is kept as the backup, a new file takes its place, its times and mode change."""
    backup = desk.beside("backup")
    os.link(desk.path, backup, follow_symlinks=False)
    renamed_over(desk, data)
    desk.path.chmod(0o600)
    os.utime(desk.path)
    backup.unlink()


STYLES: tuple[Callable[[Desk, bytes], None], ...] = (
    in_place,
    renamed_over,
    with_backup,
    deleted_first,
    in_two_bursts,
    over_a_link,
    over_a_folder,
    piece_by_piece,
    emptied_first,
    linked_and_touched,
)

"""A promotion replaces the policy as a whole, and keeps what was there."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from palingenesis import shipped
from palingenesis.app.promoting import replace_policy
from palingenesis.core.errors import PalingenesisError

AT = datetime(2026, 2, 7, 1, 0, tzinfo=UTC)


def test_the_first_policy_replaces_nothing(tmp_path: Path):
    target = tmp_path / "config" / "policy.yaml"

    assert replace_policy(target, b"new", AT) is None
    assert target.read_bytes() == b"new"
    assert [path.name for path in target.parent.iterdir()] == ["policy.yaml"]


def test_every_former_one_is_kept(tmp_path: Path):
    target = tmp_path / "policy.yaml"
    target.write_bytes(b"one")

    backups = [replace_policy(target, text, AT) for text in (b"two", b"three")]

    assert [backup.read_bytes() for backup in backups if backup] == [b"one", b"two"]
    assert target.read_bytes() == b"three"


def test_a_link_stays_a_link(tmp_path: Path):
    real = tmp_path / "dotfiles" / "policy.yaml"
    real.parent.mkdir()
    real.write_bytes(b"one")
    link = tmp_path / "policy.yaml"
    link.symlink_to(real)

    replace_policy(link, b"two", AT)

    assert link.is_symlink()
    assert real.read_bytes() == b"two"


def test_a_shipped_policy_is_not_written_over():
    before = shipped.policy().read_bytes()

    with pytest.raises(PalingenesisError, match="ships with palingenesis"):
        replace_policy(shipped.policy(), b"new", AT)

    assert shipped.policy().read_bytes() == before


def test_a_folder_that_is_none_is_one_clear_error(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(PalingenesisError, match="cannot write"):
        replace_policy(tmp_path / "file" / "policy.yaml", b"new", AT)

import os

import pytest

from palingenesis.runtime.trust import way_out, why_untrusted

STRANGER = 4711
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can make files of another user")


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "home" / "config" / "policy.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("version: 1\n")
    for folder in (path.parent, path.parent.parent):
        folder.chmod(0o755)
    path.chmod(0o644)
    return path


def test_a_file_of_ours_in_folders_of_ours_may_steer_us(policy):
    assert why_untrusted(policy) == ""
    assert way_out(policy) == ""


@pytest.mark.parametrize("mode", [0o666, 0o646, 0o664, 0o620, 0o602, 0o777])
def test_a_file_that_others_can_write_may_not(policy, mode):
    policy.chmod(mode)

    assert str(policy) in why_untrusted(policy)
    assert way_out(policy) == f"chmod go-w {policy}"


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757, 0o730])
@pytest.mark.parametrize("level", [0, 1])
def test_nor_one_below_a_folder_in_which_others_could_put_another_one(policy, mode, level):
    folder = policy.parents[level]
    folder.chmod(mode)

    assert str(folder) in why_untrusted(policy)
    assert way_out(policy) == f"chmod go-w {folder}"


def test_a_sticky_folder_on_the_way_protects_what_is_ours_in_it(policy):
    policy.parent.parent.chmod(0o1777)

    assert why_untrusted(policy) == ""


def test_a_link_of_ours_to_a_file_of_ours_may_steer_us(policy, tmp_path):
    link = tmp_path / "link.yaml"
    link.symlink_to("home/config/../config/policy.yaml")

    assert why_untrusted(link) == ""


def test_a_link_that_others_could_turn_elsewhere_may_not(policy, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "link.yaml").symlink_to(policy)
    shared.chmod(0o777)

    assert str(shared) in why_untrusted(shared / "link.yaml")


def test_a_folder_on_the_way_of_a_link_is_judged_like_any_other(policy, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "config").symlink_to(policy.parent)
    first = tmp_path / "first"
    first.symlink_to(shared)
    shared.chmod(0o775)

    assert str(shared) in why_untrusted(first / "config" / "policy.yaml")


def test_a_umask_that_lets_ones_own_group_write_gets_one_command_that_mends_all_of_it(policy):
    folders = [policy.parent.parent, policy.parent]
    for folder in folders:
        folder.chmod(0o775)
    policy.chmod(0o664)

    assert "those in the group" in why_untrusted(policy)
    assert "a umask of 002" in why_untrusted(policy)

    os.system(way_out(policy))  # as the person would, who copies it

    assert why_untrusted(policy) == ""


def test_a_place_with_a_blank_is_quoted_in_the_command(tmp_path):
    policy = tmp_path / "my policy.yaml"
    policy.write_text("")
    policy.chmod(0o666)

    assert way_out(policy) == f"chmod go-w '{policy}'"


def test_a_missing_file_and_links_in_a_circle_are_errors_of_the_system(policy, tmp_path):
    (tmp_path / "round").symlink_to("round")

    with pytest.raises(FileNotFoundError):
        why_untrusted(policy.with_name("none.yaml"))
    with pytest.raises(OSError, match="symbolic links"):
        why_untrusted(tmp_path / "round")
    assert way_out(tmp_path / "round") == ""


@as_root
@pytest.mark.parametrize("level", [0, 1])
def test_a_file_below_a_strangers_folder_may_not_steer_us(policy, level):
    os.chown(policy.parents[level], STRANGER, STRANGER)

    assert why_untrusted(policy) == f"{policy.parents[level]} belongs to another user"
    assert way_out(policy) == f"move it out of {policy.parents[level]}"


@as_root
def test_a_strangers_file_may_not_steer_us(policy):
    os.chown(policy, STRANGER, STRANGER)

    assert why_untrusted(policy) == f"{policy} belongs to another user"
    assert way_out(policy) == f"sudo chown {os.getuid()} {policy}"


@as_root
def test_a_link_that_a_stranger_laid_in_a_sticky_folder_may_not_steer_us(policy, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "link.yaml").symlink_to(policy)
    os.chown(shared / "link.yaml", STRANGER, STRANGER, follow_symlinks=False)
    shared.chmod(0o1777)

    assert why_untrusted(shared / "link.yaml") == f"{shared / 'link.yaml'} belongs to another user"

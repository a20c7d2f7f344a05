import stat
import sys
from pathlib import Path

import platformdirs
import pytest

from palingenesis import shipped
from palingenesis.core.errors import InvalidConfigError, PalingenesisError
from palingenesis.runtime.paths import Paths, find_paths


def test_every_folder_can_be_moved_by_the_environment(tmp_path: Path):
    paths = find_paths(
        {
            "PALINGENESIS_STATE_DIR": str(tmp_path / "s"),
            "PALINGENESIS_CONFIG_DIR": str(tmp_path / "c"),
            "PALINGENESIS_RUNTIME_DIR": str(tmp_path / "r"),
            "PALINGENESIS_CACHE_DIR": str(tmp_path / "k"),
        }
    )

    assert paths.journal == tmp_path / "s" / "journal.db"
    assert paths.config_file == tmp_path / "c" / "config.toml"
    assert paths.socket == tmp_path / "r" / "control.sock"
    assert paths.cache == tmp_path / "k"


def test_a_moved_state_folder_takes_its_socket_along(tmp_path: Path):
    runtime = tmp_path / "login"
    runtime.mkdir(mode=0o700)

    here = find_paths({"XDG_RUNTIME_DIR": str(runtime)})
    moved = find_paths({"XDG_RUNTIME_DIR": str(runtime), "PALINGENESIS_STATE_DIR": str(tmp_path)})

    assert here.runtime == runtime / "palingenesis"
    assert moved.runtime == tmp_path / "run"


def test_a_runtime_folder_that_others_can_write_to_is_not_used(tmp_path: Path):
    runtime = tmp_path / "login"
    runtime.mkdir()
    runtime.chmod(0o777)

    assert find_paths({"XDG_RUNTIME_DIR": str(runtime)}).runtime != runtime / "palingenesis"


def in_folder(folder: Path) -> Paths:
    return Paths(state=folder / "s", config=folder / "c", runtime=folder / "r", cache=folder / "k")


def test_prepared_folders_are_private(tmp_path: Path):
    paths = in_folder(tmp_path)
    paths.state.mkdir(mode=0o755)

    paths.prepare()

    for folder in (paths.state, paths.backups, paths.runtime):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_file_in_the_way_is_one_clear_error(tmp_path: Path):
    (tmp_path / "s").write_text("")

    with pytest.raises(PalingenesisError, match="cannot use the folder") as caught:
        in_folder(tmp_path).prepare()

    assert "PALINGENESIS_STATE_DIR" in caught.value.hint


def test_a_socket_path_that_is_too_long_is_refused_with_the_way_out(tmp_path: Path):
    with pytest.raises(InvalidConfigError, match="bytes") as caught:
        in_folder(tmp_path / ("x" * 120)).prepare()

    assert "PALINGENESIS_RUNTIME_DIR" in caught.value.hint


def test_a_policy_that_does_not_ship_is_refused():
    with pytest.raises(PalingenesisError):
        shipped.policy("../default")


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {
            "XDG_STATE_HOME": "/x/state",
            "XDG_CONFIG_HOME": "/x/config",
            "XDG_CACHE_HOME": "/x/cache",
        },
        {"XDG_STATE_HOME": " ", "XDG_CONFIG_HOME": ""},
    ],
)
def test_the_usual_folders_are_those_of_platformdirs(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    if sys.platform == "darwin":
        pytest.skip("there they are taken from platformdirs itself")
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/ada", **variables}.items():
        monkeypatch.setenv(name, value)
    theirs = platformdirs.PlatformDirs("palingenesis", appauthor=False)

    ours = find_paths({"HOME": "/home/ada", **variables})

    assert ours.state == theirs.user_state_path
    assert ours.config == theirs.user_config_path
    assert ours.cache == theirs.user_cache_path


def test_a_base_folder_that_is_no_whole_path_is_ignored_as_the_specification_says():
    assert find_paths({"HOME": "/h", "XDG_STATE_HOME": "x"}).state == Path(
        "/h/.local/state/palingenesis"
    )

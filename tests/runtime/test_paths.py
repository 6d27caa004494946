from pathlib import Path

import pytest

from alpha_umi.errors import StorageError
from alpha_umi.runtime.paths import Paths, writable_folder


def test_umi_home_moves_everything_into_one_folder(tmp_path):
    paths = Paths.find({"UMI_HOME": str(tmp_path / "home")})
    assert paths == Paths(tmp_path / "home/config", tmp_path / "home/data", tmp_path / "home/state")
    assert paths.settings_file == tmp_path / "home/config/settings.toml"
    assert paths.sessions_db == tmp_path / "home/data/sessions.db"
    assert paths.notebook == tmp_path / "home/data/notebook"
    assert list(tmp_path.iterdir()) == []


def test_a_relative_home_is_taken_from_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Paths.find({"UMI_HOME": "here"}).data == tmp_path / "here/data"


def test_without_umi_home_the_platform_decides(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    paths = Paths.find({})
    assert all(tmp_path in folder.parents for folder in (paths.config, paths.data, paths.state))
    assert len({paths.config, paths.data, paths.state}) == 3 or paths.config == paths.data
    assert list(tmp_path.iterdir()) == []


def test_own_trios_come_before_those_of_the_package():
    own, shipped = Paths.find({"UMI_HOME": "/h"}).trio_folders
    assert own == Path("/h/data/trios")
    assert (shipped.parent / "errors.py").is_file()


def test_a_writable_folder_is_made(tmp_path):
    assert writable_folder(tmp_path / "a/b").is_dir()


@pytest.mark.parametrize("place", ["/proc/umi", "{}/file/umi"])
def test_an_unwritable_place_is_one_sentence_with_the_way_out(tmp_path, place):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorageError, match=r"cannot be written \(.+\); set UMI_HOME"):
        writable_folder(Path(place.format(tmp_path)))

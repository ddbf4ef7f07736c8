"""Where the cache of indexes is, and what happens without one."""

import pytest
from tests.cli.holdfast import PASSWORD
from tests.repository.index_files import some_packs
from tests.sample_repository import init

from holdfast.repository.index import save_index
from holdfast.store.local import LocalStore

FILES = 40


@pytest.fixture
def made(repository):
    """A repository with so many index files that they are worth a cache."""
    opened = init(LocalStore(repository), PASSWORD)
    for number in range(FILES):
        save_index(opened.store, opened.key, some_packs(number))
    return opened


@pytest.fixture
def show(holdfast, made):
    """`show(*flags, **environment)`: runs `repository show`, which counts the blobs of the index."""

    def run(*flags, **environment):
        done = holdfast.but(HOLDFAST_REPOSITORY=made.store.url, **environment)("repository", "show", *flags)
        assert f"{FILES} in {FILES} packs" in done.out
        return done

    return run


def segments(place):
    return [path.parent.name for path in place.glob("*/*.segment")]


def test_the_cache_is_in_the_home_directory(show, made, tmp_path):
    show()
    assert segments(tmp_path / ".cache" / "holdfast") == [made.config.id]
    show()


def test_the_desktop_may_say_where_caches_are(show, made, tmp_path):
    show(XDG_CACHE_HOME=tmp_path / "elsewhere")
    assert segments(tmp_path / "elsewhere" / "holdfast") == [made.config.id]
    assert not (tmp_path / ".cache").exists()


def test_the_environment_may_name_the_directory(show, made, tmp_path):
    show(HOLDFAST_CACHE_DIR=tmp_path / "mine", XDG_CACHE_HOME=tmp_path / "elsewhere")
    assert segments(tmp_path / "mine") == [made.config.id]
    assert not (tmp_path / "elsewhere").exists()


def test_the_flag_goes_before_the_environment(show, made, tmp_path):
    show("--cache-dir", tmp_path / "flag", HOLDFAST_CACHE_DIR=tmp_path / "mine")
    assert segments(tmp_path / "flag") == [made.config.id]
    assert not (tmp_path / "mine").exists()


def test_no_cache_is_made_if_none_is_wanted(show, tmp_path):
    before = sorted(tmp_path.iterdir())
    show("--no-cache", "--cache-dir", tmp_path / "flag")
    assert sorted(tmp_path.iterdir()) == before


def test_without_a_home_the_index_is_in_memory(show, tmp_path):
    before = sorted(tmp_path.iterdir())
    assert show(HOME=None).err == ""
    assert sorted(tmp_path.iterdir()) == before


def test_a_cache_that_cannot_be_written_is_said_once(show, tmp_path):
    (tmp_path / "file").write_text("")
    done = show("--cache-dir", tmp_path / "file")
    assert done.err.count("Warning: the index cache in") == 1
    assert "goes on without it" in done.err
    assert show("--cache-dir", tmp_path / "file", "--quiet").err == ""

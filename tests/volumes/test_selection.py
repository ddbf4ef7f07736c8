"""Which paths a pattern excludes."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import UsageError
from holdfast.volumes.selection import CACHE_TAG, select

CASES = [
    ("*.tmp", "/a/b.tmp", True),
    ("*.tmp", "/a/b.tmp/c", False),  # not itself: its directory is not entered
    ("*.tmp", "/a/b.tmpx", False),
    ("b", "/a/b", True),
    ("b", "/a/bb", False),
    ("b/", "/a/b", True),
    ("a/b", "/x/a/b", True),
    ("a/b", "/x/aa/b", False),
    ("/a/b", "/a/b", True),
    ("/a/b", "/x/a/b", False),
    ("/a/*/c", "/a/b/c", True),
    ("/a/*/c", "/a/b/b/c", False),
    ("/a/**/c", "/a/c", True),
    ("/a/**/c", "/a/b/b/c", True),
    ("/a/**", "/a/b/c", True),
    ("/a/**", "/a", False),
    ("?", "/a/b", True),
    ("?", "/a/bb", False),
    ("[ab]x", "/bx", True),
    ("[!ab]x", "/bx", False),
    ("[!ab]x", "/cx", True),
    ("[a-c]x", "/bx", True),
    ("[]]x", "/]x", True),
    ("a[", "/a[", True),
    ("a\\*", "/a*", True),
    ("a\\*", "/ab", False),
    ("a.b", "/axb", False),
    ("*", "/new\nline", True),
    ("[^a]", "/^", True),
    ("[+--]x", "/,x", True),
    ("[a&&~~||[-]", "/[", True),
    ("?", "/\u00e9", True),
    ("a", "/a\n", False),
    ("caf\u00e9", "/caf\u00e9", True),
]


@pytest.mark.parametrize(("pattern", "path", "excluded"), CASES)
def test_patterns(pattern, path, excluded):
    assert select([pattern]).excludes(os.fsencode(path)) is excluded


def test_the_last_pattern_that_fits_decides():
    selection = select(["*.tmp", "!keep.*", "*.tmp/../x", "keep.not.tmp"])
    assert selection.excludes(b"/a.tmp")
    assert not selection.excludes(b"/keep.tmp")
    assert selection.excludes(b"/keep.not.tmp")


@pytest.mark.parametrize("text", ["", "/", "!", "!/", "//", "[z-a]"])
def test_what_is_no_pattern_is_refused(text):
    with pytest.raises(UsageError):
        select([text])


NAMES = st.binary(min_size=1, max_size=6).filter(lambda name: not {0, 47} & set(name) and name not in (b".", b".."))


@given(st.lists(NAMES, min_size=1, max_size=4), NAMES)
def test_a_quoted_path_excludes_itself_and_no_longer_one(names, more):
    path = b"".join(b"/" + name for name in names)
    selection = select(["".join(f"\\{char}" if char in "*?[\\!" else char for char in os.fsdecode(path))])
    assert selection.excludes(path)
    assert not selection.excludes(path + more)
    assert not selection.excludes(path + b"/" + more)
    assert not selection.excludes(b"/" + more + path)


@given(st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=8), NAMES)
def test_any_text_is_a_pattern_or_refused_by_name(text, name):
    try:
        selection = select([text])
    except UsageError:
        return
    selection.excludes(b"/" + name)


@pytest.mark.parametrize(
    ("content", "is_cache"), [(CACHE_TAG + b"\n# mine", True), (CACHE_TAG[:-1], False), (b"", False)]
)
def test_a_cache_is_known_by_the_content_of_its_tag(tmp_path, content, is_cache):
    (tmp_path / "CACHEDIR.TAG").write_bytes(content)
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        assert select([], exclude_caches=True).is_cache(fd, [b"CACHEDIR.TAG"]) is is_cache
        assert not select([]).is_cache(fd, [b"CACHEDIR.TAG"])
    finally:
        os.close(fd)


def test_a_tag_that_is_a_fifo_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "CACHEDIR.TAG")
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        assert not select([], exclude_caches=True).is_cache(fd, [b"CACHEDIR.TAG"])
    finally:
        os.close(fd)

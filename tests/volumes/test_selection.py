"""Which paths a pattern excludes."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import UsageError
from holdfast.volumes.selection import CACHE_TAG, include, read_patterns, select

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


INCLUDED = [
    ("*.sql", "/srv/data/a.sql", True),
    ("*.sql", "/srv/data/a.txt", None),  # could be a directory that has one
    ("*.sql", "/srv/a.sql/below", True),
    ("data", "/srv/data/deep/below", True),
    ("data", "/srv/database", None),
    ("/srv/data", "/srv", None),
    ("/srv/data", "/srv/data", True),
    ("/srv/data", "/srv/data/a/b", True),
    ("/srv/data", "/srv/database", False),
    ("/srv/data", "/var/srv/data", False),
    ("/srv/*/db/*.sql", "/srv", None),
    ("/srv/*/db/*.sql", "/srv/x", None),
    ("/srv/*/db/*.sql", "/srv/x/db", None),
    ("/srv/*/db/*.sql", "/srv/x/log", False),
    ("/srv/*/db/*.sql", "/srv/x/db/a.sql", True),
    ("/srv/*/db/*.sql", "/srv/x/db/a.txt", False),
    ("/srv/**/db", "/srv/a/b/c", None),
    ("/srv/**/db", "/srv/a/b/db/x", True),
    ("/srv/**/db", "/var", False),
    ("/srv/**", "/srv", None),
    ("/srv/**", "/srv/a/b", True),
]


@pytest.mark.parametrize(("pattern", "path", "answer"), INCLUDED)
def test_what_is_included_and_what_leads_to_it(pattern, path, answer):
    assert include([pattern])(os.fsencode(path)) is answer


def test_any_pattern_includes_and_none_includes_all():
    included = include(["/a/b", "/c"])
    assert [included(path) for path in (b"/a", b"/a/b/x", b"/c", b"/d")] == [None, True, True, False]
    assert include([])(b"/anything") is True


@pytest.mark.parametrize("text", ["", "/", "!a", "[z-a]"])
def test_what_cannot_be_included_is_refused(text):
    with pytest.raises(UsageError):
        include([text])


@given(st.lists(NAMES, min_size=1, max_size=5), st.booleans())
def test_all_above_an_included_path_leads_to_it(names, is_anchored):
    paths = [b"/" + b"/".join(names[:end]) for end in range(1, len(names) + 1)]
    pattern = "".join(f"\\{char}" if char in "*?[\\!" else char for char in os.fsdecode(paths[-1]))
    included = include([pattern if is_anchored else pattern[1:]])
    *above, last = map(included, paths)
    assert last is True
    assert False not in above


def test_patterns_from_a_file(tmp_path):
    (tmp_path / "patterns").write_bytes(b"# a comment\r\n*.tmp\r\n\n  spaced  \n!keep.tmp\n\\#name\ncaf\xe9\n#")
    patterns = read_patterns(tmp_path / "patterns")
    assert patterns == ["*.tmp", "spaced", "!keep.tmp", "\\#name", os.fsdecode(b"caf\xe9")]
    assert select(patterns).excludes(b"/#name")
    assert select(patterns).excludes(b"/caf\xe9")


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_file_of_patterns_that_cannot_be_read(tmp_path, name):
    with pytest.raises(UsageError, match="cannot be read"):
        read_patterns(tmp_path / name)

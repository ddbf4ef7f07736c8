import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from holdfast.errors import DamagedData
from holdfast.repository.go_json import decode, encode, quote_name, unquote_name

NAMES = st.one_of(st.binary(max_size=40), st.text(max_size=20).map(lambda t: t.encode("utf-8", "surrogatepass")))


@given(NAMES)
@example(b"\xed\xa0\x80")
@example(b"\xff")
@example("\u2028\ufffd\U0010ffff".encode())
def test_a_quoted_name_unquotes_to_itself(name):
    assert unquote_name(quote_name(name)) == name


@given(NAMES)
def test_a_quoted_name_is_one_line_without_a_bare_quote(name):
    quoted = quote_name(name)
    assert quoted.isprintable()
    assert '"' not in quoted.replace('\\"', "")


@pytest.mark.parametrize(
    ("name", "quoted"),
    [  # as Go's strconv.Quote gives them
        (b"plain-1.txt", "plain-1.txt"),
        (b'a"b', 'a\\"b'),
        (b"a'b", "a'b"),
        (b"a\\b", "a\\\\b"),
        (b"\a\b\f\n\r\t\v", "\\a\\b\\f\\n\\r\\t\\v"),
        (b"\x00\x01\x1f\x7f", "\\x00\\x01\\x1f\\x7f"),
        (b"\x80\xff", "\\x80\\xff"),
        ("é日😀".encode(), "é日😀"),
        ("\u00a0\u00ad\u200b\u2028\ufeff".encode(), "\\u00a0\\u00ad\\u200b\\u2028\\ufeff"),
        ("\ue000\U0010ffff".encode(), "\\ue000\\U0010ffff"),
        ("\ufffd".encode(), "\ufffd"),
        (b"\xe2\x80", "\\xe2\\x80"),
        (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),
        (b"<>&$`", "<>&$`"),
    ],
)
def test_names_are_quoted_as_go_quotes_them(name, quoted):
    assert quote_name(name) == quoted
    assert unquote_name(quoted) == name


@pytest.mark.parametrize(
    ("quoted", "name"),
    [("\\u0041", b"A"), ("\\U00000041", b"A"), ("\\101\\377", b"A\xff"), ("\\x41\\X", None), ("\\xE9", b"\xe9")],
)
def test_other_spellings_that_go_knows_are_read(quoted, name):
    if name is None:
        with pytest.raises(ValueError, match="bad escape"):
            unquote_name(quoted)
    else:
        assert unquote_name(quoted) == name


@pytest.mark.parametrize(
    "quoted",
    [
        "\\",
        "a\\",
        "\\q",
        "\\'",
        "\\x",
        "\\x4",
        "\\u12",
        "\\U0000004",
        "\\8",
        "\\400",
        "\\ud800",
        "\\U00110000",
        "\\Uffffffff",
        '"',
        "a\nb",
        "\\\n",
    ],
    ids=ascii,
)
def test_what_go_refuses_is_refused(quoted):
    with pytest.raises(ValueError):  # noqa: PT011 - any of them; the caller says what is damaged
        unquote_name(quoted)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=30))
def test_any_text_unquotes_or_is_refused(text):
    try:
        unquote_name(text)
    except ValueError:
        return


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("<>&", b'"\\u003c\\u003e\\u0026"'),
        ("\u2028\u2029", b'"\\u2028\\u2029"'),
        ('"\\/', b'"\\"\\\\/"'),
        ("\n\r\t\b\f", b'"\\n\\r\\t\\b\\f"'),
        ("\x00\x1f\x7f", b'"\\u0000\\u001f\x7f"'),
        ("é😀", '"é😀"'.encode()),
        ({"<": [1, None, True]}, b'{"\\u003c":[1,null,true]}'),
        (b"\0\xff", b'"AP8="'),
    ],
)
def test_values_are_written_as_go_writes_them(value, text):
    assert encode(value) == text


@given(st.recursive(st.text() | st.integers(-(2**53), 2**53) | st.none(), st.lists, max_leaves=10))
def test_values_come_back(value):
    value = [value]
    try:
        text = encode(value)
    except UnicodeEncodeError:  # half of a surrogate pair
        return
    assert decode(text, list, "a value") == value


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b'"\xff"', b'["\\ud800"]', b"1" * 5000, b"[" * 100_000, b'{"a":' * 100_000, b"[1] 2", b"nul", b"\0"],
    ids=lambda text: repr(text[:8]),
)
def test_what_is_no_json_of_the_shape_is_damaged(text):
    with pytest.raises(DamagedData, match="the thing is damaged"):
        decode(text, list, "the thing")

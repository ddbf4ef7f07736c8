"""Tables and documents that are printed while they are made."""

import json

import pytest
import yaml

from holdfast.cli.context import Session
from holdfast.cli.long_output import LongDocument, show_long_table
from holdfast.cli.output import on_one_line

HEAD, TAIL = {"first": "1: {", "second": None}, {"last": [], "very last": {"a": 1}}
ELEMENTS = [{"path": "/a: b"}, ["nested", {"x": 1}], "text", None]
READ = {"json": json.loads, "yaml": yaml.safe_load}


@pytest.fixture(params=READ)
def session(request):
    return Session(output=request.param)


def printed(session, capsys):
    return READ[session.output](capsys.readouterr().out)


def print_all(document, elements):
    for element in elements:
        document.add(element)


@pytest.mark.parametrize("count", range(len(ELEMENTS) + 1))
def test_a_list_is_one_document(session, capsys, count):
    with LongDocument(session) as document:
        print_all(document, ELEMENTS[:count])
    assert printed(session, capsys) == ELEMENTS[:count]


@pytest.mark.parametrize("count", range(len(ELEMENTS) + 1))
@pytest.mark.parametrize("head", [HEAD, {}])
@pytest.mark.parametrize("tail", [TAIL, {}])
def test_a_list_in_an_object_is_one_document(session, capsys, count, head, tail):
    with LongDocument(session, head, "list") as document:
        print_all(document, ELEMENTS[:count])
        document.tail = tail
    assert printed(session, capsys) == {**head, "list": ELEMENTS[:count], **tail}


def test_elements_are_printed_as_they_come(session, capsys):
    with LongDocument(session) as document:
        document.add("the first one")
        assert "the first one" in capsys.readouterr().out
        document.add("another one")


def test_an_error_before_the_first_element_leaves_room_for_its_own_document(session, capsys):
    with pytest.raises(ZeroDivisionError), LongDocument(session, HEAD, "list"):
        raise ZeroDivisionError
    assert capsys.readouterr().out == ""
    assert not session.document_begun


def interrupted():
    yield 1
    raise ZeroDivisionError


def test_an_error_later_ends_the_document(session, capsys):
    document = LongDocument(session, HEAD, "list")
    document.tail = TAIL
    with pytest.raises(ZeroDivisionError), document:
        print_all(document, interrupted())
    assert printed(session, capsys) == {**HEAD, "list": [1], **TAIL}
    assert session.document_begun


def test_a_table_is_printed_before_its_rows_have_ended(capsys):
    def rows():
        for number in range(2000):
            yield (str(number), "x")
        assert "1000" in capsys.readouterr().out
        yield ("the last", "y")

    show_long_table(Session(), ("NUMBER", "LETTER"), rows())
    assert capsys.readouterr().out == "the last  y\n"


def test_columns_are_as_wide_as_their_cells(capsys):
    show_long_table(Session(), ("A", "SIZE", "NAME"), [("long", "1", "x"), ("", "12345", "y z")], right=("SIZE",))
    assert capsys.readouterr().out.splitlines() == [
        "A      SIZE  NAME",
        "long      1  x",
        "      12345  y z",
    ]


def test_a_table_without_rows_is_its_head(capsys):
    show_long_table(Session(), ("A", "B"), [])
    assert capsys.readouterr().out == "A  B\n"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/plain name", "/plain name"),
        ("/grün", "/grün"),
        ("/\udcff", "/\\xff"),
        ("/two\nlines", "/two\\nlines"),
        ("/\x1b[31mred", "/\\x1b[31mred"),
        ("/left\u202eright", "/left\\u202eright"),
    ],
)
def test_no_name_can_begin_a_line_or_command_the_terminal(path, text):
    assert on_one_line(path) == text

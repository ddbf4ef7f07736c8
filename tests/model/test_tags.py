"""Tags of snapshots: what can be written can be read."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import UsageError
from holdfast.model.span import END_OF_TIME
from holdfast.model.tags import Tags, check_tag_value

KEYS = st.text(alphabet="abcdefghij:", min_size=1)
VALUES = st.text(min_size=1)


@given(st.dictionaries(KEYS, VALUES))
def test_what_is_formatted_can_be_parsed(values):
    assert Tags.parse(Tags(values).format()).values == values


def test_empty_values_are_not_written():
    assert Tags({"name": "", "kind": "app"}).format() == ["kind=app"]


def test_tags_of_other_programs_are_ignored():
    assert Tags.parse(["nightly", "name=a=b"]).values == {"name": "a=b"}


def test_a_missing_tag_is_empty():
    assert Tags().get("name") == ""


def test_labels_are_told_apart():
    assert Tags.parse(["label:team=sales", "name=x", "label:by=ana"]).labels == {"team": "sales", "by": "ana"}


@pytest.mark.parametrize("value", ["", " ", " a", "a ", "a,b", "a\nb", "a\x00"])
def test_what_restic_could_not_carry_is_refused(value):
    with pytest.raises(UsageError, match="--name"):
        check_tag_value("--name", value)


@pytest.mark.parametrize("value", ["a", "before the upgrade", "größe=1", "a:b/c"])
def test_other_text_is_taken_as_it_is(value):
    assert check_tag_value("--name", value) == value


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-12-13T10:00:00Z", dt.datetime(2026, 12, 13, 10, tzinfo=dt.UTC)),
        ("2026-12-13T10:00:00.5+02:00", dt.datetime(2026, 12, 13, 8, 0, 0, 500_000, tzinfo=dt.UTC)),
        ("2026-12-13T10:00:00", END_OF_TIME),  # nobody knows in which zone
        ("9999-12-31T23:59:59Z", END_OF_TIME),
        ("soon", END_OF_TIME),
        ("", None),
    ],
)
def test_a_time_to_keep_until_that_cannot_be_read_never_comes(text, moment):
    assert Tags.parse([f"keep-until={text}"]).keep_until == moment

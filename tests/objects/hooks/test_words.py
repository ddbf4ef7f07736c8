"""Lengths of time, commands as texts, and commands that freeze."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.objects.hooks.commands import command_of_text, command_of_velero
from holdfast.objects.hooks.durations import parse_duration
from holdfast.objects.hooks.file_names import why_no_file_name
from holdfast.objects.hooks.freezing import thaw_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30.0),
        ("1m30s", 90.0),
        ("1.5h", 5400.0),
        (".5s", 0.5),
        ("5.s", 5.0),
        ("500ms", 0.5),
        ("2us", 2e-6),
        ("2µs", 2e-6),
        ("0", 0.0),
        ("-1s", -1.0),
        ("+1s", 1.0),
        ("", None),
        ("30", None),
        ("s", None),
        ("1d", None),
        ("1s ", None),
        ("-", None),
        ("1s-1s", None),
        ("٣s", None),
        ("9" * 30 + "h", None),
    ],
)
def test_lengths_of_time_are_gos(text, seconds):
    assert parse_duration(text) == (seconds if seconds is None else pytest.approx(seconds))


@given(st.text())
def test_any_text_is_a_length_of_time_or_none(text):
    assert parse_duration(text) is None or isinstance(parse_duration(text), float)


@pytest.mark.parametrize(
    ("text", "of_ours", "of_velero"),
    [
        ('["/bin/date", "-u"]', ("/bin/date", "-u"), ("/bin/date", "-u")),
        ("date", ("/bin/sh", "-c", "date"), ("date",)),
        ("date -u", ("/bin/sh", "-c", "date -u"), ("date -u",)),
        ("[ -e /x ]", ("/bin/sh", "-c", "[ -e /x ]"), ("[ -e /x ]",)),
        ("[]", ("/bin/sh", "-c", "[]"), ("[]",)),
        ("[1]", ("/bin/sh", "-c", "[1]"), ("[1]",)),
    ],
)
def test_a_json_list_is_a_command_and_other_texts_are_not(text, of_ours, of_velero):
    assert (command_of_text(text), command_of_velero(text)) == (of_ours, of_velero)


@given(st.text(min_size=1))
def test_any_text_is_a_command(text):
    assert command_of_text(text)
    assert command_of_velero(text)


@pytest.mark.parametrize(
    ("command", "thaw"),
    [
        (("/sbin/fsfreeze", "--freeze", "/var/log/nginx"), ("/sbin/fsfreeze", "--unfreeze", "/var/log/nginx")),
        (("fsfreeze", "-f", "/data"), ("fsfreeze", "-u", "/data")),
        (("xfs_freeze", "-f", "/data"), ("xfs_freeze", "-u", "/data")),
        (("fsfreeze", "--unfreeze", "/data"), ()),
        (("myfsfreeze", "-f", "/data"), ()),
        (("fsfreeze", "-f"), ()),
        (("echo", "fsfreeze -f /data"), ()),
        (("/bin/bash", "-c", "sync; fsfreeze -f /data"), ("/bin/sh", "-c", "fsfreeze -u /data")),
        (
            ("sh", "-c", "fsfreeze -f '/my data' && /sbin/fsfreeze --freeze /b"),
            ("/bin/sh", "-c", "/sbin/fsfreeze --unfreeze /b; fsfreeze -u '/my data'"),
        ),
        (("sh", "-c", "fsfreeze -u /data"), ()),
        (("sh", "-c", 'fsfreeze -f "$(reboot)"'), ()),
        ((), ()),
    ],
)
def test_what_freezes_a_file_system_is_known(command, thaw):
    assert thaw_of(command) == thaw


@pytest.mark.parametrize("name", ["all.sql", "a", "A-1_b.c", "x" * 127])
def test_names_of_dumps(name):
    assert not why_no_file_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", ".a", "a/b", "a b", "-a", "x" * 128, "ä", "a\n"])
def test_names_that_no_dump_has(name):
    assert "no name of a dump" in why_no_file_name(name)

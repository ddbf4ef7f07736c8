"""What a run's log keeps."""

from holdfast.model.progress import Silent
from holdfast.operations.run_log import RunLog
from holdfast.testing.manual_clock import ManualClock


class Heard(Silent):
    def __init__(self):
        self.events = []

    def phase(self, name, total=None, size=None):
        self.events.append(("phase", name, total, size))

    def expect(self, total, size):
        self.events.append(("expect", total, size))

    def advance(self, count=1, size=0):
        self.events.append(("advance", count, size))

    def note(self, message):
        self.events.append(("note", message))

    def warn(self, message):
        self.events.append(("warn", message))


def test_all_is_passed_on_and_all_but_progress_is_kept():
    heard = Heard()
    kept = RunLog(heard, ManualClock())
    kept.phase("read objects", 7, 700)
    kept.expect(8, 800)
    kept.advance(3, 100)
    kept.note("so it goes")
    kept.warn("look out")
    kept.record("it broke")
    assert heard.events == [
        ("phase", "read objects", 7, 700),
        ("expect", 8, 800),
        ("advance", 3, 100),
        ("note", "so it goes"),
        ("warn", "look out"),
    ]
    assert [line.split(" ", 1)[1] for line in kept.text().splitlines()] == [
        "phase read objects",
        "note so it goes",
        "warning look out",
        "error it broke",
    ]


def test_a_log_does_not_grow_without_end():
    kept = RunLog(Silent(), ManualClock())
    for number in range(10_007):
        kept.note(str(number))
    lines = kept.text().splitlines()
    assert len(lines) == 10_001
    assert lines[0].endswith("note 0")
    assert lines[-1] == "… 7 more lines"

"""What people are told about plans: each thing once, nothing lost, also across restarts of the controller."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.controller.samples import a_plan, a_run, condition
from tests.controller.telling import START, Controller, at, bad, good

from holdfast.api.run_status import RunProblem
from holdfast.controller.notifications.message import MessageKind
from holdfast.controller.notifications.plans import what_to_tell


@pytest.fixture
def controller():
    return Controller()


def test_a_plan_that_works_is_not_talked_about(controller):
    assert controller.look() == []
    assert controller.after(good(0), good(24), a_run("", None)) == []


def test_a_failure_is_told_once_and_then_its_end_once(controller):
    assert controller.after(good(0)) == []
    assert controller.after(bad(1)) == ["failed"]
    assert controller.look() == []
    assert controller.after(bad(2)) == []
    assert controller.after(good(3)) == ["recovered"]
    assert controller.look() == []
    assert controller.after(good(4)) == []


def test_a_failure_that_lasts_is_told_again_each_day(controller):
    told = [controller.after(bad(hour)) for hour in range(70)]
    assert [hour for hour, kinds in enumerate(told) if kinds] == [0, 20, 40, 60]


def test_a_daily_plan_that_fails_a_little_earlier_on_the_next_day_is_told_of(controller):
    assert controller.after(bad(0)) == ["failed"]
    assert controller.after(bad(23.9)) == ["failed"]
    assert controller.after(bad(47.7)) == ["failed"]


def test_another_cause_is_told_at_once(controller):
    assert controller.after(bad(0, "WrongPassword")) == ["failed"]
    assert controller.after(bad(1, "Evicted")) == ["failed"]
    assert controller.after(bad(2, "WrongPassword")) == []
    assert controller.after(bad(3, "Evicted")) == []
    assert controller.after(good(4)) == ["recovered"]
    assert controller.after(bad(5, "WrongPassword")) == ["failed"]


def test_a_message_is_about_all_that_has_failed_so_far(controller):
    controller.after(bad(0, "WrongPassword"))
    assert controller.after(bad(9, "WrongPassword"), bad(10, "Evicted")) == ["failed"]
    assert controller.after(bad(21, "WrongPassword")) == []
    assert controller.after(bad(29, "WrongPassword")) == ["failed"]


def test_a_reminder_that_comes_too_late_is_only_the_end_of_it(controller):
    controller.after(bad(0))
    assert controller.after(bad(24), good(25)) == ["recovered"]


def test_a_run_that_is_not_among_the_recent_ones_yet_is_told():
    message = what_to_tell(a_plan(lastRun=bad(0)))
    assert message.kind is MessageKind.FAILED


def test_a_failure_says_what_why_and_what_next(controller):
    controller.after(
        bad(
            0,
            errors=[
                RunProblem(what="the repository cannot be opened", why="wrong password", next="Correct the Secret.")
            ],
        ),
        failures=1,
        lastSuccess=at(-24),
    )
    (message,) = controller.messages
    assert message.kind is MessageKind.FAILED
    assert message.about == ("BackupPlan", "shop", "nightly")
    assert message.time == START
    assert message.title == "Backup plan shop/nightly: a backup failed"
    assert message.body == (
        "A run of the backup plan shop/nightly that ended at 2026-11-20 02:00:00 UTC failed.\n"
        "Why: the repository cannot be opened: wrong password.\n"
        "The newest good backup was finished at 2026-11-19 02:00:00 UTC.\n"
        "Next: Correct the Secret."
    )


def test_a_failure_without_errors_says_its_reason_and_where_to_look(controller):
    controller.after(bad(0, "ImagePullBackOff"), failures=4)
    (message,) = controller.messages
    assert "Why: ImagePullBackOff." in message.body
    assert "4 runs in a row have failed or were missed." in message.body
    assert "There is no good backup yet." in message.body
    assert message.body.endswith("Next: `holdfast plan show shop/nightly` tells more.")


@pytest.mark.parametrize(
    ("outcome", "words"), [("partial", "is incomplete"), ("cancelled", "was cancelled"), ("failed", "failed")]
)
def test_whatever_is_not_a_good_backup_is_told(controller, outcome, words):
    assert controller.after(bad(0, "", outcome)) == ["failed"]
    assert controller.messages[0].title == f"Backup plan shop/nightly: a backup {words}"


def test_a_missed_run_is_told_once_for_each_time(controller):
    assert controller.after(good(0), missed=at(24)) == ["missed"]
    assert controller.look() == []
    assert controller.after(missed=at(48)) == ["missed"]
    assert controller.look() == []
    assert controller.after(good(72)) == ["recovered"]
    assert controller.after(good(96)) == []


def test_a_good_run_before_the_missed_time_is_no_recovery(controller):
    assert controller.after(good(0), missed=at(24)) == ["missed"]
    assert "2026-11-21 02:00:00 UTC" in controller.messages[0].body
    assert "went well" not in controller.messages[0].body
    assert controller.look() == []


def test_a_run_that_was_missed_while_no_controller_ran_is_told_with_what_came_after(controller):
    assert controller.after(good(0), good(48), missed=at(24)) == ["missed"]
    assert "A run after it went well" in controller.messages[0].body
    assert controller.after(good(72)) == []


def test_a_run_that_failed_while_no_controller_ran_is_told_with_what_came_after(controller):
    assert controller.after(good(0), bad(1), bad(2), good(3)) == ["failed"]
    assert "A later run went well, at 2026-11-20 05:00:00 UTC." in controller.messages[0].body
    assert controller.look() == []
    assert controller.after(good(4)) == []
    assert controller.after(bad(5)) == ["failed"]


def test_a_miss_and_a_failure_are_both_told_and_their_end_once(controller):
    assert controller.after(bad(1), missed=at(0)) == ["missed", "failed"]
    assert controller.after(good(2)) == ["recovered"]
    assert controller.look() == []


def test_a_miss_between_failures_and_a_good_run_is_not_lost(controller):
    assert controller.after(bad(0)) == ["failed"]
    assert controller.after(good(2), missed=at(1)) == ["missed", "recovered"]
    assert controller.look() == []


def test_held_retention_is_told_once_each_time_that_it_is_held(controller):
    held = condition("RetentionHeld", since=at(0), message="5 of 8 backups would go.")
    assert controller.after(conditions=[held]) == ["retention-held"]
    assert "Why: 5 of 8 backups would go." in controller.messages[0].body
    assert controller.look() == []
    assert controller.after(conditions=[condition("RetentionHeld", "False", since=at(1))]) == []
    assert controller.after(conditions=[condition("RetentionHeld", since=at(2))]) == ["retention-held"]


def test_held_retention_and_failures_do_not_silence_each_other(controller):
    held = condition("RetentionHeld", since=at(0))
    assert controller.after(bad(1), conditions=[held]) == ["failed", "retention-held"]
    assert controller.after(good(2)) == ["recovered"]
    assert controller.look() == []


def test_runs_that_go_on_and_times_that_are_none_are_passed_over(controller):
    nonsense = a_run("failed", "soon")
    assert controller.after(a_run("", None), nonsense, missed="never") == []


def test_a_run_without_an_end_is_told_by_its_scheduled_time(controller):
    run = a_run("failed", "", scheduled_at=at(1), reason="QuotaExceeded")
    assert controller.after(run) == ["failed"]
    assert controller.messages[0].time == START + dt.timedelta(hours=1)


def test_words_that_another_version_wrote_do_not_disturb(controller):
    controller.status["notified"] = "strange words=here failed:WrongPassword=2026-11-20T02:00:00Z"
    assert controller.after(bad(1)) == []
    assert controller.after(good(2)) == ["recovered"]


HISTORY = st.lists(
    st.tuples(st.sampled_from(["good", "WrongPassword", "Evicted", "missed"]), st.booleans()), min_size=1, max_size=10
)


@given(HISTORY)
def test_whatever_happens_nothing_is_lost_and_nothing_told_twice(history):
    """Runs three hours apart; the controller looks after some of them only, and in the end."""
    controller = Controller()
    untold_failures, untold_misses = False, False
    for number, (event, looks) in enumerate((*history, ("look", True))):
        hours = number * 3
        if event == "missed":
            controller.status["missed"] = at(hours)
            untold_misses = True
        elif event == "good":
            controller.runs.insert(0, good(hours))
        elif event != "look":
            controller.runs.insert(0, bad(hours, event))
            untold_failures = True
        if looks:
            controller.look()
            assert controller.look() == []
    kinds = [message.kind for message in controller.messages]
    assert (MessageKind.FAILED in kinds) == untold_failures
    assert (MessageKind.MISSED in kinds) == untold_misses
    keys = [(message.kind, message.time) for message in controller.messages]
    assert len(keys) == len(set(keys))
    last = [event for event, _ in history][-1]
    if last == "good" and (untold_failures or untold_misses):
        assert kinds[-1] is MessageKind.RECOVERED or "went well" in controller.messages[-1].body

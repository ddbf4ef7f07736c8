"""What people are told about storage locations."""

from __future__ import annotations

from tests.controller.samples import a_location, condition

from holdfast.controller.notifications.locations import what_to_tell
from holdfast.controller.notifications.message import MessageKind


def located(status, since, notified=""):
    return a_location(conditions=[condition("Ready", status, since, "The store refuses the key.")], notified=notified)


def test_a_location_that_works_or_was_not_tried_yet_is_not_talked_about():
    assert what_to_tell(a_location()) is None
    assert what_to_tell(located("True", "2026-11-26T02:00:00Z")) is None
    assert what_to_tell(located("Unknown", "2026-11-26T02:00:00Z")) is None


def test_a_location_that_fails_is_told_once_and_its_end_once():
    failed = what_to_tell(located("False", "2026-11-26T02:00:00Z"))
    assert failed.kind is MessageKind.LOCATION_FAILED
    assert failed.about == ("StorageLocation", "shop", "main")
    assert failed.title == "Storage location shop/main cannot be used"
    assert "Why: The store refuses the key." in failed.body
    assert what_to_tell(located("False", "2026-11-26T02:00:00Z", failed.notified)) is None
    recovered = what_to_tell(located("True", "2026-11-26T03:00:00Z", failed.notified))
    assert recovered.kind is MessageKind.RECOVERED
    assert what_to_tell(located("True", "2026-11-26T03:00:00Z", recovered.notified)) is None


def test_a_location_that_fails_again_is_told_again():
    failed = what_to_tell(located("False", "2026-11-26T02:00:00Z"))
    recovered = what_to_tell(located("True", "2026-11-26T03:00:00Z", failed.notified))
    assert (
        what_to_tell(located("False", "2026-11-26T04:00:00Z", recovered.notified)).kind is MessageKind.LOCATION_FAILED
    )


def test_a_failure_that_began_anew_while_no_controller_ran_is_told():
    failed = what_to_tell(located("False", "2026-11-26T02:00:00Z"))
    again = what_to_tell(located("False", "2026-11-26T09:00:00Z", failed.notified))
    assert again.kind is MessageKind.LOCATION_FAILED

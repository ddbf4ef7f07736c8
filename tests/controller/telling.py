"""A controller that only tells people, for as many runs as a test makes up."""

from __future__ import annotations

import datetime as dt

from tests.controller.samples import a_plan, a_run

from holdfast.controller.notifications.plans import what_to_tell

START = dt.datetime(2026, 11, 20, 2, tzinfo=dt.UTC)


def at(hours):
    return f"{START + dt.timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"


def good(hours):
    return a_run("done", at(hours))


def bad(hours, reason="WrongPassword", outcome="failed", **fields):
    return a_run(outcome, at(hours), reason=reason, **fields)


class Controller:
    """Tells what there is to tell whenever it looks at the plan; keeps nothing but the plan itself."""

    def __init__(self):
        self.runs = []
        self.status = {}
        self.messages = []

    def look(self):
        told = []
        while True:
            plan = a_plan(**self.status, recent=self.runs[:10], lastRun=self.runs[0] if self.runs else None)
            message = what_to_tell(plan)
            if message is None:
                break
            self.status["notified"] = message.notified
            told.append(message)
            assert len(told) < 10, "it never ends"
        self.messages += told
        return [message.kind.value for message in told]

    def after(self, *runs, **status):
        """What is told once these runs have ended too, oldest first."""
        self.runs = [*reversed(runs), *self.runs]
        self.status |= status
        return self.look()

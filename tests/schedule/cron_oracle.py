"""github.com/robfig/cron as the judge of schedules, and a generator of schedules to be judged."""

import json
import subprocess
from typing import NamedTuple

from testbed import build
from testbed.programs import CRON


class Verdict(NamedTuple):
    error: str
    times: list[int]


def judge(questions, say):
    """`(zone, seconds since 1970, text)` → a Verdict for each."""
    build.ensure([CRON], say)
    lines = "".join(f"{zone}\t{seconds}\t{text}\n" for zone, seconds, text in questions)
    done = subprocess.run([CRON.path], input=lines, capture_output=True, text=True, check=True)
    return [Verdict(**json.loads(line)) for line in done.stdout.splitlines()]


_FIELDS = (
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, ["jan", "feb", "MAR", "apr", "may", "jun", "jul", "Aug", "sep", "oct", "nov", "dec"]),
    (0, 6, ["sun", "mon", "TUE", "wed", "thu", "fri", "sat"]),
)


def schedule_text(random, *, mistakes):
    """Five fields of all forms; with `mistakes`, about every second one is not valid."""
    return " ".join(_field(random, *field, mistakes=mistakes) for field in _FIELDS)


def _field(random, low, high, names, *, mistakes):
    if random.random() < 0.35:
        return random.choice(("*", "*", "*", "?", "*/1", "?/1", "*-3"))
    items = [_item(random, low, high, names, mistakes=mistakes) for _ in range(random.choice((1, 1, 1, 2, 3)))]
    return random.choice((",", ",", ",", ",,")).join(items)


def _item(random, low, high, names, *, mistakes):
    if mistakes and random.random() < 0.1:
        return random.choice(
            (
                "",
                "L",
                "1W",
                "5#2",
                "-1",
                "1-",
                "/5",
                "*5",
                "1-2-3",
                "1/2/3",
                "*/0",
                "*/-1",
                "*/x",
                str(high + 1),
                "99999999999999999999",
                "0x5",
                "1_0",
                "٣",
                "**",
                "7-1",
                "3.5",
                "+-1",
                "1-+",
                "h",
                "mo",
                "sunday",
            )
        )

    def number(lowest):
        chosen = random.randint(lowest, high)
        if names and random.random() < 0.3:
            return chosen, names[chosen - low]
        return chosen, random.choice(("", "", "", "0", "+")) + str(chosen)

    first, text = number(low)
    form = random.randrange(4)
    if form == 1:
        text += "-" + number(first)[1]
    if form == 2:
        text = random.choice(("*", text, f"{text}-{high}"))
    if form >= 2:
        text += f"/{random.choice((1, 2, 3, 4, 5, 7, 10, 15, 30, 100))}"
    return text

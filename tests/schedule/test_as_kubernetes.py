"""Schedules are read as Kubernetes reads them: its own library and its own API server are asked."""

import datetime as dt
import random
from zoneinfo import ZoneInfo

import pytest
from testbed.errors import ApiFailed
from tests.schedule.cron_oracle import schedule_text

from holdfast.errors import UsageError
from holdfast.schedule.schedule import Schedule

ZONES = (
    "Etc/UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",  # until 2019 its clocks skipped midnight
    "Australia/Lord_Howe",  # changes by half an hour
    "Asia/Kolkata",  # half an hour from UTC
    "Africa/Cairo",  # skips midnight on a Friday
    "America/Havana",  # doubles midnight
    "Antarctica/Troll",  # changes by two hours
    "Pacific/Chatham",  # its clocks change at a quarter to three
    "Africa/Casablanca",  # changes around Ramadan
)
NEVER_RUN = "30 2 30 2 *"


def changes_of_clocks(zone):
    """Half a day before each change of a few years."""
    place = ZoneInfo(zone)
    hour = dt.datetime(2011, 1, 1, tzinfo=dt.UTC)
    found = []
    while hour.year < 2028:
        later = hour + dt.timedelta(days=1)
        if hour.astimezone(place).utcoffset() != later.astimezone(place).utcoffset():
            found.append(int(hour.timestamp()) - 12 * 3600)
        hour = later
    return found


def reading(zone, seconds, text):
    """Our own verdict: times, or None for what is refused."""
    try:
        schedule = Schedule.parse(text, zone)
    except UsageError:
        return None
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return [int(time.timestamp()) for time in schedule.next_times(moment, 5)]


def compare(judge, questions):
    """How many were valid and how many not. What never comes is refused by us alone."""
    valid = refused = 0
    for question, verdict in zip(questions, judge(questions), strict=True):
        expected = (verdict.times or None) if not verdict.error else None
        assert reading(*question) == expected, (question, verdict)
        valid += expected is not None
        refused += bool(verdict.error)
    return valid, refused


def test_thousands_of_schedules_are_read_as_by_kubernetes(judge):
    source = random.Random(20261126)
    questions = [
        (source.choice(ZONES), source.randrange(1_300_000_000, 2_000_000_000), schedule_text(source, mistakes=True))
        for _ in range(4000)
    ]
    valid, refused = compare(judge, questions)
    assert valid > 1000
    assert refused > 1000


def test_they_come_at_the_same_times_around_changes_of_clocks(judge):
    source = random.Random(2)
    questions = []
    for zone in ZONES:
        changes = changes_of_clocks(zone) or [1_700_000_000]
        for _ in range(150):
            minute, hours = (
                source.choice(("0", "30", "*/15", "5", "*")),
                source.choice(("0", "1", "2", "3", "*/2", "23", "*")),
            )
            day = source.choice(("* * *", "* * *", "* * 0", "* */3 *", "1 * *", "*/2 * 5"))
            seconds = source.choice(changes) + source.randrange(0, 86_400)
            questions.append((zone, seconds, f"{minute} {hours} {day}"))
    valid, _ = compare(judge, questions)
    assert valid == len(questions)


def test_intervals_are_read_as_by_kubernetes(judge):
    lengths = [
        "6h",
        "90m",
        "1h30m",
        "1.5h",
        ".5h",
        "+2h",
        "60s",
        "3600000ms",
        "1h0.5s",
        "61.9s",
        "100000h",
        "3000000h",
        "1d",
        "6",
        "h",
        "0",
        "-6h",
        "6h,",
        "6H",
        "1h-5m",
        "١h",
        "1h30",
    ]
    questions = [("Europe/Berlin", 1_700_000_000, f"@every {length}") for length in lengths]
    for question, verdict in zip(questions, judge(questions), strict=True):
        too_often = not verdict.error and verdict.times[1] - verdict.times[0] < 60
        assert reading(*question) == (None if verdict.error or too_often else verdict.times), question


def test_the_words_with_an_at_sign_are_those_of_kubernetes(judge):
    words = [
        "@hourly",
        "@daily",
        "@midnight",
        "@weekly",
        "@monthly",
        "@yearly",
        "@annually",
        "@reboot",
        "@Daily",
        "@every",
        "@",
        "@every6h",
    ]
    questions = [("America/New_York", 1_700_000_000, word) for word in words]
    valid, refused = compare(judge, questions)
    assert (valid, refused) == (7, 5)


def test_a_day_that_does_not_exist_is_passed_over():
    """Kubernetes' library never returns here: in Apia, 30 December 2011 did not exist."""
    schedule = Schedule.parse("5 0 1 * *", "Pacific/Apia")
    times = schedule.next_times(dt.datetime(2011, 12, 2, tzinfo=dt.UTC), 2)
    assert [str(time) for time in times] == ["2012-01-01 00:05:00+14:00", "2012-02-01 00:05:00+14:00"]


# ---- the API server --------------------------------------------------------------------------------------------------

SCHEDULES = [
    "* * * * *",
    "0 2 * * *",
    "*/15 9-17 * jan-mar mon-fri",
    "5/15 * * * *",
    "0 0 1,15 * ?",
    "0 0 */2 * 1",
    "@hourly",
    "@every 6h",
    "@every 1h30m",
    "0 0 29 2 *",
    "1,,2 * * * *",
    "+5 * * * *",
    "*-3 * * * *",
    "0 0 * * sun,SAT",
    "60 * * * *",
    "* 24 * * *",
    "0 0 0 * *",
    "0 0 32 * *",
    "0 0 1 13 *",
    "0 0 * * 7",
    "0 0 * * mon-sun",
    "* * * *",
    "* * * * * *",
    "0 0 L * *",
    "0 0 * * 1#2",
    "*/0 * * * *",
    "5-1 * * * *",
    "@reboot",
    "@every 1d",
    "@Daily",
    "TZ=UTC 0 * * * *",
    "CRON_TZ=Europe/Berlin 0 * * * *",
    "h * * * *",
    "every day",
    "",
    "nightly",
    "0 0 * * monday",
    "0 0 15W * *",
]
TIME_ZONES = [
    "Etc/UTC",
    "UTC",
    "Europe/Berlin",
    "Asia/Shanghai",
    "America/Argentina/Buenos_Aires",
    "Etc/GMT+5",
    "US/Eastern",
    "GMT",
    "Local",
    "local",
    "LOCAL",
    "europe/Berlin2",
    "Berlin",
    "CEST",
    "Europe/",
    "/Europe/Berlin",
    "../UTC",
    "+02:00",
    "Europe/Berlin Time",
    "Asia/Beijing",
]


@pytest.fixture(scope="module")
def accepts(cluster):
    """`accepts(schedule, zone)`: whether the API server would take a CronJob with them."""

    def ask(schedule, zone):
        pod = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b"}]}
        body = {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": "a"},
            "spec": {
                "schedule": schedule,
                "timeZone": zone,
                "jobTemplate": {"spec": {"template": {"spec": pod}}},
            },
        }
        try:
            cluster.api.create("/apis/batch/v1/namespaces/default/cronjobs?dryRun=All", body)
        except ApiFailed as error:
            if error.status != 422:
                raise
            return False
        return True

    return ask


@pytest.mark.parametrize("text", SCHEDULES)
def test_the_api_server_takes_the_same_schedules(accepts, text):
    try:
        cron = Schedule.parse(text).cron
    except UsageError:
        assert not accepts(text, "Etc/UTC")
    else:
        assert accepts(cron, "Etc/UTC")


@pytest.mark.parametrize(
    "text", ["hourly", "daily", "weekly", "monthly", "H * * * *", "H/15 H(0-5) * * *", "H,H/20 3 * * *"]
)
def test_the_api_server_takes_what_presets_and_spreading_become(accepts, text):
    assert accepts(Schedule.parse(text, key="shop/nightly").cron, "Etc/UTC")


@pytest.mark.parametrize("zone", TIME_ZONES)
def test_the_api_server_takes_the_same_time_zones(accepts, zone):
    try:
        Schedule.parse("0 2 * * *", zone)
    except UsageError:
        assert not accepts("0 2 * * *", zone)
    else:
        assert accepts("0 2 * * *", zone)


def test_what_never_comes_is_refused_here_though_the_api_server_takes_it(accepts):
    with pytest.raises(UsageError, match="never comes"):
        Schedule.parse(NEVER_RUN)
    assert accepts(NEVER_RUN, "Etc/UTC")

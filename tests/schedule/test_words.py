"""Schedules in words, in both languages; what the words say is what the times do."""

import pytest

from holdfast.schedule.schedule import Schedule

CASES = [
    ("* * * * *", "every minute", "每分钟"),
    ("0 * * * *", "every hour at minute 0", "每小时的第 0 分钟"),
    ("30 2 * * *", "at 02:30 every day", "每天 02:30"),
    ("@daily", "at 00:00 every day", "每天 00:00"),
    ("0 */6 * * *", "at 00:00, 06:00, 12:00 and 18:00 every day", "每天 00:00、06:00、12:00 和 18:00"),
    ("15 */2 * * *", "every 2 hours from 00:15 to 22:15 every day", "每天 00:15 至 22:15 每 2 小时一次"),
    (
        "30 9-17 * * mon-fri",
        "every hour from 09:30 to 17:30 from Monday to Friday",
        "周一至周五 09:30 至 17:30 每小时一次",
    ),
    ("*/15 * * * *", "every 15 minutes", "每 15 分钟"),
    ("5/15 * * * *", "every 15 minutes from minute 5 on", "每小时从第 5 分钟起每 15 分钟"),
    ("*/25 * * * *", "at the minutes 0, 25 and 50 of every hour", "每小时第 0、25 和 50 分钟"),
    (
        "10-30 3 * * *",
        "every minute from minute 10 to 30 between 03:00 and 03:59",
        "03:00 至 03:59 之间每小时第 10 至 30 分钟的每分钟",
    ),
    ("*/10 8,20 * * *", "every 10 minutes in the hours 8 and 20", "8 和 20 点内每 10 分钟"),
    ("0 3 * * 1", "at 03:00 on Monday", "每周一 03:00"),
    ("0 3 * * 0,6", "at 03:00 on Saturday and Sunday", "每周六和周日 03:00"),
    ("0 3 * * 5,6,0", "at 03:00 from Friday to Sunday", "周五至周日 03:00"),
    ("0 3 1 * *", "at 03:00 on day 1 of the month", "每月 1 日 03:00"),
    ("0 3 1,15 * *", "at 03:00 on days 1 and 15 of the month", "每月 1 日和 15 日 03:00"),
    ("0 3 1-7 * *", "at 03:00 from the 1st to the 7th of the month", "每月 1 日至 7 日每天 03:00"),
    ("0 3 1 1,7 *", "at 03:00 on day 1 of the month, in January and July", "1 月和 7 月的每月 1 日 03:00"),
    ("0 3 * jun-aug *", "at 03:00 every day, from June to August", "6 月至 8 月的每天 03:00"),
    ("0 3 13 * fri", "at 03:00 on day 13 of the month and also on Friday", "每月 13 日以及每周五 03:00"),
    (
        "0 3 */2 * mon",
        "at 03:00 every 2 days from the 1st to the 31st of the month and also on Monday",
        "每月 1 日至 31 日每 2 天以及每周一 03:00",
    ),
    ("0 3 1-31 * mon", "at 03:00 every day", "每天 03:00"),  # either of both, and the first fits always
    ("0 3 */1 * mon", "at 03:00 on Monday", "每周一 03:00"),  # both
]


@pytest.mark.parametrize(("text", "english", "chinese"), CASES)
def test_in_words(text, english, chinese):
    schedule = Schedule.parse(text, "Europe/Berlin")
    assert schedule.explain("en") == f"{english} (Europe/Berlin)"
    assert schedule.explain("zh") == f"{chinese}（Europe/Berlin）"


@pytest.mark.parametrize(
    ("text", "english", "chinese"),
    [
        ("@every 6h", "every 6 hours, from one run to the next", "每隔 6 小时，从上一次运行算起"),
        (
            "@every 25h1m",
            "every 1 day, 1 hour and 1 minute, from one run to the next",
            "每隔 1 天 1 小时 1 分钟，从上一次运行算起",
        ),
    ],
)
def test_intervals_in_words(text, english, chinese):
    assert Schedule.parse(text).explain("en") == english
    assert Schedule.parse(text).explain("zh") == chinese

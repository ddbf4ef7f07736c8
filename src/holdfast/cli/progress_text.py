"""A phase and its pace as one line: whole, or as much of it as fits a terminal."""

from __future__ import annotations

from holdfast.cli.pace import Pace

_WIDEST_BAR = 24
_NARROWEST_BAR = 10
_FRAME = len("[] ")

_LEAST_FIRST = ("unit rate", "size", "bar", "rate", "time", "percent")
"""What is left out of a bar that does not fit, in this order. The name of the phase and its count stay."""


def line(phase: str, pace: Pace) -> str:
    """`read packs: 12 of 36 (33%), 96.0 of 288.0 MiB, 48.0 MiB/s, 6.0/s, 4 s left`"""
    percent = "" if pace.fraction is None else f" ({_percent(pace.fraction)})"
    return ", ".join([f"{phase}: {_count(pace)}{percent}", *_details(pace).values()])


def fitted_bar(phase: str, pace: Pace, width: int) -> str:
    """`[████████················] 33% read packs: 12 of 36, 48.0 MiB/s, 4 s left`, never longer than `width`."""
    details = _details(pace)
    percent = "" if pace.fraction is None else f"{_percent(pace.fraction)} "
    bar = 0 if pace.fraction is None else _NARROWEST_BAR + _FRAME
    text = ""
    for dropped in ("", *_LEAST_FIRST):
        details.pop(dropped, None)
        bar = 0 if dropped == "bar" else bar
        percent = "" if dropped == "percent" else percent
        text = percent + ", ".join([f"{phase}: {_count(pace)}", *details.values()])
        if bar + len(text) <= width:
            break
    if bar and pace.fraction is not None:
        room = min(_WIDEST_BAR, width - len(text) - _FRAME)
        filled = int(room * pace.fraction)
        return f"[{'█' * filled}{'·' * (room - filled)}] {text}"
    return text[: max(width, 0)]


def format_size(size: float) -> str:
    """`1.5 MiB`"""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if round(value, 1) < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def format_seconds(seconds: float) -> str:
    """`42 s`, `3 min 20 s`, `2 h 05 min`"""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def _details(pace: Pace) -> dict[str, str]:
    """All but the count, in the order in which they are shown."""
    details = {}
    if pace.size_done or pace.size:
        details["size"] = _sizes(pace.size_done, pace.size)
    if pace.size_rate and pace.size_done:
        details["rate"] = f"{format_size(pace.size_rate)}/s"
    if pace.count_rate:
        details["unit rate"] = f"{pace.count_rate:,.{0 if pace.count_rate > 9.9 else 1}f}/s"
    left = pace.seconds_left
    details["time"] = format_seconds(pace.seconds) if left is None else f"{format_seconds(left)} left"
    return details


def _count(pace: Pace) -> str:
    return f"{pace.count_done:,}" + (f" of {pace.total:,}" if pace.total else "")


def _sizes(done: int, total: int | None) -> str:
    """The unit once, if it is the same."""
    if not total:
        return format_size(done)
    (amount, unit), all_of_it = format_size(done).split(), format_size(total)
    return f"{amount} of {all_of_it}" if all_of_it.endswith(f" {unit}") else f"{amount} {unit} of {all_of_it}"


def _percent(fraction: float) -> str:
    return f"{int(100 * fraction)}%"

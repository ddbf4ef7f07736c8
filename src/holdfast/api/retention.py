"""How long a plan's backups are kept: the flags of `backup forget` in camelCase."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from holdfast.api.rules import Rule, given
from holdfast.api.selection import Span as SpanText
from holdfast.model.retention import RetentionPolicy
from holdfast.model.span import Span

Count = Annotated[int, Meta(ge=-1, le=100_000)]


_COUNTS = ("keepLast", "keepHourly", "keepDaily", "keepWeekly", "keepMonthly", "keepYearly")


class Retention(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """As the flags of `backup forget`. Without any of them all backups are kept."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            " || ".join(
                (
                    given("keepWithin"),
                    *(f"(has(self.{count}) && self.{count} != 0)" for count in _COUNTS),
                    f"!({' || '.join(f'has(self.{count})' for count in _COUNTS)})",
                )
            ),
            "These rules keep nothing: every number is 0. Keep something, or leave retention out to keep all.",
        ),
    )

    keep_last: Annotated[Count | None, Meta(description="The newest ones. -1 keeps all.")] = None
    keep_hourly: Annotated[Count | None, Meta(description="The newest of each of so many hours. -1 is all hours.")] = (
        None
    )
    keep_daily: Annotated[Count | None, Meta(description="The newest of each of so many days. -1 is all days.")] = None
    keep_weekly: Annotated[Count | None, Meta(description="The newest of each of so many weeks. -1 is all weeks.")] = (
        None
    )
    keep_monthly: Annotated[
        Count | None, Meta(description="The newest of each of so many months. -1 is all months.")
    ] = None
    keep_yearly: Annotated[Count | None, Meta(description="The newest of each of so many years. -1 is all years.")] = (
        None
    )
    keep_within: Annotated[
        SpanText, Meta(description="All made in the time before the newest good backup: 30d, 12h, 1y6m.")
    ] = ""

    @property
    def policy(self) -> RetentionPolicy:
        """Raises UsageError for rules that keep nothing."""
        return RetentionPolicy(
            keep_last=self.keep_last,
            keep_hourly=self.keep_hourly,
            keep_daily=self.keep_daily,
            keep_weekly=self.keep_weekly,
            keep_monthly=self.keep_monthly,
            keep_yearly=self.keep_yearly,
            keep_within=Span.parse(self.keep_within, "keepWithin") if self.keep_within else None,
        )

    def flags(self) -> list[str]:
        """The same as flags of `backup forget`."""
        return [
            f"--{field.replace('_', '-')}={value}"
            for field in self.__struct_fields__
            if (value := getattr(self, field)) not in (None, "")
        ]

"""How long a plan's backups are kept: the flags of `backup forget` in camelCase."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from holdfast.model.retention import RetentionPolicy
from holdfast.model.span import Span

Count = Annotated[int, Meta(ge=-1, le=100_000, description="A number of backups; -1 keeps all.")]


class Retention(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """Without any of them all backups are kept."""

    keep_last: Count | None = None
    keep_hourly: Count | None = None
    keep_daily: Count | None = None
    keep_weekly: Count | None = None
    keep_monthly: Count | None = None
    keep_yearly: Count | None = None
    keep_within: Annotated[
        str, Meta(description="All made in the time before the newest good backup: 30d, 12h, 1y6m.")
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

"""Names of the objects made for ours: readable, and cut to what Kubernetes allows without two becoming one."""

from __future__ import annotations

import datetime as dt
import hashlib
from enum import StrEnum

_CRON_JOB_LIMIT = 52  # a CronJob's Jobs get 11 more characters, and a Job's name is a label's value of at most 63
_JOB_LIMIT = 63
LABEL_LIMIT = 63
_DIGEST = 8
_MINUTE = 60
_MINUTES_LENGTH = len("29000000")  # digits of the minutes since 1970, until the year 2160


class Role(StrEnum):
    """What a CronJob, Job or pod of ours does."""

    BACKUP = "backup"
    RESTORE = "restore"
    DELETE = "delete"  # the data of a Backup
    FORGET = "forget"
    PRUNE = "prune"
    CHECK = "check"
    TEST = "test"  # of a location
    MOVER = "mover"  # reads or writes one volume


def shortened(name: str, limit: int = LABEL_LIMIT) -> str:
    """The name, or its beginning with a digest of the whole."""
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
    return f"{name[: limit - _DIGEST - 1].rstrip('-.')}-{digest}"


def plan_cron_job(plan: str, role: Role = Role.BACKUP) -> str:
    """A CronJob of a plan, by the plan's name: `plan-nightly`, `plan-nightly-forget`."""
    ending = "" if role is Role.BACKUP else f"-{role}"
    return shortened(f"plan-{plan}", _CRON_JOB_LIMIT - len(ending)) + ending


def location_cron_job(location: str, role: Role) -> str:
    """The CronJob of a location's maintenance: `location-main-prune`."""
    return shortened(f"location-{location}", _CRON_JOB_LIMIT - len(role) - 1) + f"-{role}"


def job(kind: str, name: str, unique: str) -> str:
    """A Job for one object: `backup-before-upgrade-3f9c2a1`. `unique` tells objects of one name apart, as their UID does."""
    digest = hashlib.sha256(unique.encode()).hexdigest()[: _MINUTES_LENGTH - 1]  # so that it never looks like a time
    return f"{shortened(f'{kind.lower()}-{name}', _JOB_LIMIT - _MINUTES_LENGTH)}-{digest}"


def manual_job(cron_job: str, unique: str) -> str:
    """A Job made of a CronJob by hand: `plan-nightly-run-x7k2m`. `unique` has no more than seven characters."""
    return f"{cron_job}-run-{unique}"[:_JOB_LIMIT]


def mover_job(volume: str, unique: str) -> str:
    """The Job that moves the data of a claim, `shop/data`: `mover-shop-data-3f9c2a1`."""
    return job("Mover", volume.replace("/", "-"), unique)


def run_lease(run: str) -> str:
    """By which a run with movers shows that it lives. Its Secret has the same name."""
    return f"holdfast-run-{run}"


def scheduled_time(job_name: str) -> dt.datetime | None:
    """When the CronJob meant this Job to run: Kubernetes ends the Job's name with the minutes since 1970. None for others."""
    digits = job_name.rpartition("-")[2]
    if not (digits.isdecimal() and len(digits) == _MINUTES_LENGTH):
        return None
    return dt.datetime.fromtimestamp(int(digits) * _MINUTE, dt.UTC)

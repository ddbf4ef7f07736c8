"""Every error Holdfast raises on purpose, as one tree.

    HoldfastError                     1
    ├── UsageError                    2   the command or its input makes no sense
    ├── NothingSelected               1
    ├── NotFound                      1   a backup, run, file or namespace that was named does not exist
    ├── StoreError                    1   the place where a repository lives did not do what was asked
    │   ├── FileMissing               1
    │   ├── FileExists                1
    │   ├── StoreUnavailable          1   may work when tried again
    │   └── StoreRefused              1   credentials, rights, or a bucket that does not exist
    ├── RepositoryError               1
    │   ├── NoRepository             10
    │   ├── RepositoryExists          1
    │   ├── UnsupportedRepository     1
    │   ├── RepositoryLocked         11
    │   ├── LockLost                  1
    │   ├── WrongPassword            12
    │   └── DamagedData               1   bytes that are not what was written
    ├── ClusterError                  1   the API server, or the way to it
    │   ├── ClusterUnreachable        1   may work when tried again
    │   ├── KubeconfigInvalid         2
    │   └── ApiRefused                1   the API server answered with an error status
    ├── VolumeError                   1   a volume that is to be read or written, as a whole
    │   └── TargetNotEmpty            2
    ├── PlanRefused                   1   a plan that failed its own check
    │   └── TooManyRemovals           1   more of a plan's backups would go than rules usually remove
    └── Cancelled                   130

Each error has three parts: `what` happened, `why`, and what to do `next`. Texts hold no secrets: whoever raises an error
from a foreign one cuts and redacts at that edge.
"""

from __future__ import annotations


class HoldfastError(Exception):
    """Base of all expected failures. `str()` gives one line: what, then why."""

    exit_code = 1
    retryable = False
    default_next = "Run the command again with --log-format json for the full log."

    run: str = ""
    """The id of the run that this error ended, "" outside of runs."""

    def __init__(self, what: str, *, why: str = "", next: str = "") -> None:  # noqa: A002 - the design's own word
        self.what = what
        self.why = why
        self.next = next or self.default_next
        super().__init__(f"{what}: {why}" if why else what)


class UsageError(HoldfastError):
    exit_code = 2
    default_next = "See the command's --help."


class NothingSelected(HoldfastError):
    default_next = "Look at the selection with --dry-run; check namespaces, labels and kinds for typing errors."


class NotFound(HoldfastError):
    default_next = "List what exists with `holdfast backup list`."


class StoreError(HoldfastError):
    default_next = "Check the repository URL, the network and the storage service."


class FileMissing(StoreError):
    """A named file is not in the store."""


class FileExists(StoreError):
    """`create` met a file of that name."""


class StoreUnavailable(StoreError):
    """A passing fault: time-out, reset connection, 5xx, or too many requests."""

    retryable = True


class StoreRefused(StoreError):
    """The store answered no: credentials, rights, missing bucket or directory, full disk."""


class RepositoryError(HoldfastError):
    default_next = "Run `holdfast repository check`."


class NoRepository(RepositoryError):
    exit_code = 10
    default_next = "Create one with `holdfast repository init`, or correct --repository."


class RepositoryExists(RepositoryError):
    default_next = "Use it as it is, or choose another URL."


class UnsupportedRepository(RepositoryError):
    default_next = "Convert it with `restic migrate upgrade_repo_v2`, or use a Holdfast that knows this version."


class RepositoryLocked(RepositoryError):
    exit_code = 11
    default_next = "Wait for the other run to end. If it died, remove its lock with `holdfast repository unlock`."


class LockLost(RepositoryError):
    """Our own lock could not be refreshed in time, so others may have treated it as dead."""

    default_next = "Run the command again; nothing that was not protected by the lock has been published."


class WrongPassword(RepositoryError):
    exit_code = 12
    default_next = (
        "Check --password-file, HOLDFAST_PASSWORD_FILE or HOLDFAST_PASSWORD, "
        "or the key `password` of the location's Secret."
    )


class DamagedData(RepositoryError):
    """Bytes that fail their hash, their authentication code or their format."""

    default_next = (
        "Run `holdfast repository check --read-data` to see everything that is affected. "
        "A new backup stores again what still exists."
    )


class ClusterError(HoldfastError):
    default_next = "Check --kubeconfig and --context."


class ClusterUnreachable(ClusterError):
    retryable = True
    default_next = "Check that the API server runs and that its address in the kubeconfig is right."


class KubeconfigInvalid(ClusterError):
    exit_code = 2


class ApiRefused(ClusterError):
    """The API server answered with an error.

    `status` is the HTTP code, `reason` the Status object's reason (`AlreadyExists`, `Forbidden`, …; empty if the answer
    was not a Status), `causes` its field-level causes as (field, message).
    """

    def __init__(
        self,
        what: str,
        *,
        status: int,
        reason: str,
        why: str = "",
        next: str = "",  # noqa: A002
        causes: tuple[tuple[str, str], ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(what, why=why, next=next)
        self.status = status
        self.reason = reason
        self.causes = causes
        self.retry_after = retry_after


class VolumeError(HoldfastError):
    default_next = "Look at the volume: is it mounted where --root says, and may this account use it?"


class TargetNotEmpty(VolumeError):
    """A restore would put its files among others. A mover that is tried again would find the same: see `manifests.jobs`."""

    exit_code = 2
    default_next = "Restore into an empty volume, or overwrite this one with --volumes overwrite."


class PlanRefused(HoldfastError):
    default_next = "Read the plan with --dry-run."


class TooManyRemovals(PlanRefused):
    """Forgetting would cost a plan more than half of its backups."""

    default_next = "Look at them with --dry-run. If they are to go, add --allow-many."


class Cancelled(HoldfastError):
    exit_code = 130
    default_next = "Run the command again; what was stored already is not stored twice."

    def __init__(self, what: str = "cancelled", *, why: str = "it was asked to stop", next: str = "") -> None:  # noqa: A002
        super().__init__(what, why=why, next=next)

"""How a check is written, and the command that it becomes.

    statefulset/shop/db: mariadb -e 'select 1'                      a command; its exit code decides
    statefulset/shop/db: select count(*) from shop.orders => 3      SQL, for the client that the container has
    deployment/shop/web/nginx: /usr/share/nginx => sha256:…         a file or a directory with all in it

What stands behind the last ` => ` is what the output must be.
"""

from __future__ import annotations

import shlex

from holdfast.errors import UsageError
from holdfast.model.drill import Check, CheckKind, CheckTarget

_ARROW = " => "

_QUERY = """\
sql=$1
if command -v mariadb >/dev/null; then client=mariadb; elif command -v mysql >/dev/null; then client=mysql; else client=; fi
if [ -n "$client" ]; then
  password=${MARIADB_ROOT_PASSWORD:-${MYSQL_ROOT_PASSWORD:-}}
  if [ -n "$password" ]; then export MYSQL_PWD="$password"; fi
  exec "$client" --batch --skip-column-names --execute "$sql"
fi
if command -v psql >/dev/null; then
  exec psql -U "${POSTGRES_USER:-postgres}" -d "${POSTGRES_DB:-${POSTGRES_USER:-postgres}}" -v ON_ERROR_STOP=1 -At -c "$sql"
fi
echo 'there is no mariadb, mysql or psql in this container' >&2
exit 127
"""
_CHECKSUM = """\
if [ -d "$1" ]; then cd "$1" && find . -type f | LC_ALL=C sort | while IFS= read -r file; do sha256sum "$file" || exit; done \
| sha256sum; else sha256sum <"$1"; fi | { read -r sum rest && echo "sha256:$sum"; }
[ -r "$1" ]
"""


def parse_check(kind: CheckKind, text: str, flag: str) -> Check:
    """Raises UsageError, which names the flag."""
    target, colon, rest = text.partition(": ")
    if not colon or not rest.strip():
        raise UsageError(
            f"{flag} {text!r:.80} is no check",
            why="it has no ': ' between the workload and what is checked",
            next=f"Write {flag} 'deployment/shop/web: …'.",
        )
    asked, arrow, expect = rest.rpartition(_ARROW)
    return make_check(
        kind, parse_target(target, flag), (asked if arrow else rest).strip(), expect.strip() if arrow else ""
    )


def parse_target(text: str, flag: str) -> CheckTarget:
    """Raises UsageError."""
    parts = text.strip().split("/")
    if len(parts) not in (3, 4) or not all(parts):
        raise UsageError(
            f"{flag}: {text!r:.80} names no workload",
            why="one is named kind/namespace/name, or kind/namespace/name/container",
            next="Write it as statefulset/shop/db.",
        )
    return CheckTarget(*parts)


def make_check(kind: CheckKind, target: CheckTarget, text: str, expect: str = "") -> Check:
    """Raises UsageError for a command whose quotes do not match, and a checksum of no absolute path."""
    match kind:
        case CheckKind.QUERY:
            command: tuple[str, ...] = ("sh", "-c", _QUERY, "query", text)
        case CheckKind.CHECKSUM:
            if not text.startswith("/"):
                raise UsageError(
                    f"{text!r:.80} is no absolute path", why="a checksum is of one", next="Begin it with /."
                )
            command = ("sh", "-c", _CHECKSUM, "checksum", text)
        case _:
            command = _words(text)
    return Check(kind, target, text, command, expect)


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(
            f"the command {text!r:.80} cannot be read",
            why=str(error),
            next="Close its quotes; it is not given to a shell.",
        ) from error

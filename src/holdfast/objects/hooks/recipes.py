"""How well-known databases are dumped and take a dump in again, and by what one recognises them.

The commands find users and passwords in the container's own environment, inside the container: no secret is read here, none is an
argument that others could see. They need nothing but `sh` and the database's own programs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from holdfast.objects.fields import Object, items, text
from holdfast.objects.hooks.commands import shell

ANY_RECIPE = "auto"

_ACCESS = """\
secret() {
  for name in "$@"; do
    eval "value=\\${$name-} file=\\${${name}_FILE-}"
    [ -z "$file" ] || value=$(cat "$file")
    [ -z "$value" ] || return 0
  done
}
"""
"""`secret NAME…` sets `value` to the first of these variables that is set, by itself or as the file that NAME_FILE names."""

_MYSQL_ACCESS = f"""\
set -eu
unset MYSQL_HOST
{_ACCESS}\
secret MARIADB_ROOT_PASSWORD MYSQL_ROOT_PASSWORD MARIADB_MASTER_ROOT_PASSWORD MYSQL_MASTER_ROOT_PASSWORD
user=${{MARIADB_ROOT_USER:-${{MYSQL_ROOT_USER:-root}}}} what=--all-databases
empty=${{MARIADB_ALLOW_EMPTY_ROOT_PASSWORD-}}${{MARIADB_ALLOW_EMPTY_PASSWORD-}}${{MYSQL_ALLOW_EMPTY_PASSWORD-}}${{ALLOW_EMPTY_PASSWORD-}}
database=${{MARIADB_DATABASE:-${{MYSQL_DATABASE-}}}}
if [ -z "$value$empty" ] && [ -n "$database" ]; then
  secret MARIADB_PASSWORD MYSQL_PASSWORD
  if [ -n "$value" ]; then
    user=${{MARIADB_USER:-${{MYSQL_USER-}}}} what=--databases
  fi
fi
[ -z "$value" ] || export MYSQL_PWD="$value"
program() {{ command -v "$1" || command -v "$2" || {{ echo "there is neither $1 nor $2 in this container" >&2; exit 127; }}; }}
"""
_MYSQL_DUMP = f"""\
{_MYSQL_ACCESS}\
dump=$(program mariadb-dump mysqldump)
set -- --user="$user" --default-character-set=utf8mb4 --single-transaction --quick \\
  --routines --events --triggers --flush-privileges --skip-dump-date
case $("$dump" --help 2>/dev/null) in *set-gtid-purged*) set -- "$@" --set-gtid-purged=OFF ;; esac
if [ "$what" = --databases ]; then set -- "$@" --no-tablespaces --databases "$database"; else set -- "$@" "$what"; fi
exec "$dump" "$@"
"""
# What a new database's first start does is done without a port, by a server that stops again: the port tells when that is over.
_MYSQL_LOAD = f"""\
{_MYSQL_ACCESS}\
client=$(program mariadb mysql) tries=60
until said=$("$client" --user="$user" --protocol=tcp --host=127.0.0.1 --execute='select 1' 2>&1 </dev/null); do
  case $said in *2002* | *2003* | *2013*) ;; *) break ;; esac
  tries=$((tries - 1))
  [ $tries -gt 0 ] || break
  sleep 1
done
exec "$client" --user="$user" --default-character-set=utf8mb4 --binary-mode
"""

_POSTGRESQL_ACCESS = f"""\
set -eu
unset PGDATABASE
{_ACCESS}\
secret POSTGRESQL_POSTGRES_PASSWORD POSTGRES_POSTGRES_PASSWORD
if [ -n "$value" ]; then
  user=postgres
else
  user=${{POSTGRES_USER:-${{POSTGRESQL_USERNAME:-postgres}}}}
  secret POSTGRES_PASSWORD POSTGRESQL_PASSWORD
fi
export PGUSER="$user"
[ -z "$value" ] || export PGPASSWORD="$value"
"""
_POSTGRESQL_DUMP = f"""\
{_POSTGRESQL_ACCESS}\
exec pg_dumpall --no-password --clean --if-exists
"""
_POSTGRESQL_LOAD = f"""\
{_POSTGRESQL_ACCESS}\
export PGOPTIONS="-c lc_messages=C"
tries=60
until pg_isready --quiet --host=127.0.0.1 || [ $((tries -= 1)) -le 0 ]; do sleep 1; done
exec psql --no-psqlrc --no-password --quiet --output=/dev/null --dbname=postgres
"""
_POSTGRESQL_ERROR = re.compile(rb"\b(?:ERROR|FATAL|PANIC): +(.*)")
_POSTGRESQL_HARMLESS = re.compile(
    rb"current user cannot be dropped"
    rb'|role "[^"]*" (?:already exists|cannot be dropped because some objects depend on it)'
)
"""What pg_dumpall's own output meets wherever it is loaded: the user who loads it is there already."""


@dataclass(frozen=True, slots=True)
class Recipe:
    name: str
    title: str  # for people
    file: str  # name of the dump
    dump: tuple[str, ...]
    load: tuple[str, ...]
    error: re.Pattern[bytes] | None = None  # of a load that goes on after errors and ends well: how they look
    harmless: re.Pattern[bytes] | None = None  # which of them do not matter

    def complaint(self, errors: bytes) -> str:
        """The first thing that went wrong, from what a load that ended well wrote to standard error; empty if nothing did."""
        for found in self.error.findall(errors) if self.error else ():
            if not (self.harmless and self.harmless.search(found)):
                return str(found.decode(errors="replace").strip())
        return ""


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("mysql", "MySQL or MariaDB", "mysql.sql", shell(_MYSQL_DUMP), shell(_MYSQL_LOAD)),
        Recipe(
            "postgresql",
            "PostgreSQL",
            "postgresql.sql",
            shell(_POSTGRESQL_DUMP),
            shell(_POSTGRESQL_LOAD),
            _POSTGRESQL_ERROR,
            _POSTGRESQL_HARMLESS,
        ),
    )
}

_IMAGES = {
    "mysql": frozenset(
        (
            *("mysql", "mysql-server", "community-server", "enterprise-server"),
            *("mariadb", "mariadb-server", "mariadb-galera"),
            *("percona", "percona-server", "percona-xtradb-cluster"),
        )
    ),
    "postgresql": frozenset(
        (
            *("postgres", "postgresql", "postgresql-repmgr", "postgres-patroni", "edb-postgres-advanced"),
            *("postgis", "timescaledb", "timescaledb-ha", "timescaledb-postgis", "pgvector", "spilo"),
            *("crunchy-postgres", "crunchy-postgres-ha", "crunchy-postgres-gis", "crunchy-postgres-gis-ha"),
        )
    ),
}
"""The last part of an image's name, without tag, digest, and a version such as in `postgresql-16`."""
_ENVIRONMENT = {
    "mysql": (frozenset(("MARIADB_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD")), 3306),
    "postgresql": (frozenset(("POSTGRES_PASSWORD", "PGDATA", "POSTGRESQL_PASSWORD")), 5432),
}
"""An image of another name counts if it has one of these variables, or NAME_FILE, and serves the port."""
_VERSION = re.compile(r"-?[0-9]+(?:[.-][0-9]+)*$")


def recognise(container: Object) -> Recipe | None:
    """The recipe for what runs in a container of a pod's specification; None for what none is known for."""
    image = _short_name(text(container, "image"))
    for name, images in _IMAGES.items():
        if image in images:
            return RECIPES[name]
    variables = {text(one, "name").removesuffix("_FILE") for one in items(container, "env")}
    ports = {one.get("containerPort") for one in items(container, "ports")}
    for name, (known, port) in _ENVIRONMENT.items():
        if known & variables and port in ports:
            return RECIPES[name]
    return None


def _short_name(image: str) -> str:
    last = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return _VERSION.sub("", last)

"""An image of PostgreSQL: its server and client of Debian 12 and the libraries they need, on top of busybox.

Containers keep their database in PGDATA, and make an empty one where there is none, as those of the well-known image do: the
superuser is POSTGRES_USER, or `postgres`; whoever comes through the socket is let in, through the network only with
POSTGRES_PASSWORD.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from testbed import cache, debian
from testbed.cache import Say
from testbed.images import Image, Layer, lay_busybox

_PACKAGES = [
    "postgresql-15", "postgresql-client-15", "libpq5", "tzdata",
    "libaudit1", "libc6", "libcap-ng0", "libcap2", "libcom-err2", "libffi8", "libgcc-s1", "libgcrypt20", "libgmp10",
    "libgnutls30", "libgpg-error0", "libgssapi-krb5-2", "libhogweed6", "libicu72", "libidn2-0", "libk5crypto3",
    "libkeyutils1", "libkrb5-3", "libkrb5support0", "libldap-2.5-0", "liblz4-1", "liblzma5", "libnettle8",
    "libp11-kit0", "libpam0g", "libpcre2-8-0", "libreadline8", "libsasl2-2", "libselinux1", "libssl3", "libstdc++6",
    "libsystemd0", "libtasn1-6", "libtinfo6", "libunistring2", "libuuid1", "libxml2", "libxslt1.1", "libzstd1", "zlib1g",
]  # fmt: skip
_PROGRAMS = Path("usr/lib/postgresql/15/bin")
_ACCOUNT = "postgres:x:999:999:PostgreSQL:/var/lib/postgresql:/bin/sh\n"
_START = """\
#!/bin/sh
set -e
export PGDATA="${PGDATA:-/var/lib/postgresql/data}"
user="${POSTGRES_USER:-postgres}"
mkdir -p "$PGDATA" /var/run/postgresql
chown -R postgres:postgres "$PGDATA" /var/run/postgresql
if [ ! -e "$PGDATA/PG_VERSION" ]; then
    echo "${POSTGRES_PASSWORD:-unset}" >/tmp/password
    su -s /bin/sh postgres -c "initdb --username='$user' --pwfile=/tmp/password --encoding=UTF8 --locale=C \\
        --auth-local=trust --auth-host=scram-sha-256" >/dev/null
    rm /tmp/password
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
fi
exec su -s /bin/sh postgres -c "exec postgres -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql"
"""


def _fill(root: Path, say: Say) -> None:
    say("building the image of PostgreSQL, about 15 s")
    debian.unpack(_PACKAGES, debian.BOOKWORM, root)
    for unneeded in ("doc", "locale", "man", "lintian"):
        shutil.rmtree(root / "usr/share" / unneeded, ignore_errors=True)
    shutil.rmtree(root / "usr/lib/postgresql/15/lib/bitcode", ignore_errors=True)
    lay_busybox(root, say, _ACCOUNT)
    (root / "usr/bin").mkdir(exist_ok=True)
    for program in (root / _PROGRAMS).iterdir():
        link = root / "usr/bin" / program.name
        link.unlink(missing_ok=True)  # Debian's wrappers, which need perl
        link.symlink_to(f"/{_PROGRAMS}/{program.name}")
    start = root / "usr/sbin/start-postgresql"
    start.parent.mkdir(exist_ok=True)
    start.write_text(_START)
    start.chmod(0o755)


POSTGRESQL = Image(
    "testbed/postgresql:15",
    [Layer("postgresql", cache.digest(debian.BOOKWORM, *_PACKAGES, _START), _fill)],
    {"docker.io/testbed/postgresql:15": {"Cmd": ["/usr/sbin/start-postgresql"]}},
)

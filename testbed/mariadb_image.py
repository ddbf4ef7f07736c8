"""An image of MariaDB: its server and client of Debian 12 and the libraries they need, on top of busybox.

Containers keep their database in /var/lib/mysql and make an empty one where there is none. `root` has no password, from
everywhere: nothing but the cluster's own pods can reach it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from testbed import cache, debian
from testbed.cache import Say
from testbed.images import Image, Layer, lay_busybox

_PACKAGES = [
    "mariadb-server-core", "mariadb-client-core", "mariadb-client", "mariadb-common",
    "libaio1", "libbsd0", "libc6", "libcap2", "libcrypt1", "libedit2", "libgcc-s1", "libgcrypt20", "libgpg-error0",
    "liblz4-1", "liblzma5", "libmariadb3", "libmd0", "libncurses6", "libnuma1", "libpcre2-8-0", "libssl3", "libstdc++6",
    "libsystemd0", "libtinfo6", "liburing2", "libzstd1", "zlib1g",
]  # fmt: skip
_CLIENTS_LEFT_OUT = ("binlog", "conv", "import", "plugin", "show", "slap")  # 4 MB each
_LANGUAGES_KEPT = {"charsets", "english"}
_ACCOUNT = "mysql:x:999:999:MariaDB:/var/lib/mysql:/bin/false\n"
_START = """\
#!/bin/sh
set -e
data=/var/lib/mysql
mkdir -p $data /run/mysqld
chown mysql:mysql $data /run/mysqld
if [ ! -d $data/mysql ]; then
    mariadb-install-db --user=mysql --datadir=$data --auth-root-authentication-method=normal --skip-test-db >/dev/null
fi
cat >/run/mysqld/start.sql <<END
CREATE USER IF NOT EXISTS root@'%';
GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
END
exec mariadbd --user=mysql --datadir=$data --bind-address=0.0.0.0 --init-file=/run/mysqld/start.sql "$@"
"""


def _fill(root: Path, say: Say) -> None:
    say("building the image of MariaDB, about 10 s")
    debian.unpack(_PACKAGES, debian.BOOKWORM, root)
    for unneeded in ("doc", "lintian", "locale", "man"):
        shutil.rmtree(root / "usr/share" / unneeded, ignore_errors=True)
    for language in (root / "usr/share/mysql").iterdir():
        if language.is_dir() and language.name not in _LANGUAGES_KEPT:
            shutil.rmtree(language)
    for client in _CLIENTS_LEFT_OUT:
        (root / f"usr/bin/mariadb-{client}").unlink()
    lay_busybox(root, say, _ACCOUNT)
    start = root / "usr/sbin/start-mariadb"
    start.write_text(_START)
    start.chmod(0o755)


MARIADB = Image(
    "testbed/mariadb:10.11",
    [Layer("mariadb", cache.digest(debian.BOOKWORM, *_PACKAGES, *_CLIENTS_LEFT_OUT, _START), _fill)],
    {"docker.io/testbed/mariadb:10.11": {"Cmd": ["/usr/sbin/start-mariadb"]}},
)

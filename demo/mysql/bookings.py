"""The application of the demonstration: a database, customers who write into it without a pause, and what is in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from testbed.errors import SetupFailed
from testbed.mariadb_image import MARIADB
from testbed.node_cluster import NodeCluster

_HERE = Path(__file__).parent
_MANIFESTS = _HERE / "manifests"
_STILL = _HERE.parents[1] / "examples" / "mariadb-still.sh"
_PATIENCE = 180.0  # seconds; only a demonstration that fails waits so long
_COUNT = """
SELECT COUNT(*), COALESCE(MIN(number), 0), COALESCE(MAX(number), 0), COALESCE(SUM(note = REPEAT(MD5(number), 3)), 0)
FROM shop.bookings"""


@dataclass(frozen=True, slots=True)
class Found:
    """What a client finds in the table of bookings."""

    rows: int
    first: int
    last: int
    right: int  # rows whose note is what its number says

    @property
    def gapless(self) -> bool:
        """1, 2, 3, … with nothing left out, and every row as it was written."""
        return self.rows == self.last == self.right and self.first == 1


class Bookings:
    """The application in one cluster."""

    def __init__(self, cluster: NodeCluster, namespace: str = "shop") -> None:
        self.cluster = cluster
        self.namespace = namespace

    def install(self) -> None:
        """The database with its tables; returns when it answers. Raises SetupFailed."""
        self.cluster.import_image(MARIADB)
        self._apply("database.yaml")
        self._config_map(self.namespace, "hooks", _STILL)
        self.cluster.kubectl("label", "configmap", "hooks", f"--namespace={self.namespace}", "app=bookings")
        self.wait_ready()
        self.sql((_HERE / "tables.sql").read_text(encoding="utf-8"))

    def start_customers(self) -> None:
        """Returns when they have written. Raises SetupFailed, TimeoutError."""
        self._apply("writer.yaml")
        self._config_map("customers", "programs", _HERE / "writer.sh")
        self.wait(lambda: self.acknowledged() > 0, "the first booking")

    def acknowledged(self) -> int:
        """The last booking that the database has acknowledged; 0 if customers have none yet."""
        try:
            logged = self.cluster.kubectl("logs", "--namespace=customers", "deployment/writer", "--tail=1")
        except SetupFailed:  # the pod does not run yet
            return 0
        words = logged.split()
        return int(words[1]) if words[:1] == ["acknowledged"] else 0

    def see_more(self, count: int = 100) -> int:
        """Returns when customers have got `count` more bookings acknowledged, with the last. Raises TimeoutError."""
        wanted = self.acknowledged() + count
        self.wait(lambda: self.acknowledged() >= wanted, f"booking {wanted:,}")
        return self.acknowledged()

    def wait_ready(self) -> None:
        """Returns when the database answers. Raises SetupFailed."""
        self.cluster.kubectl(
            "rollout", "status", f"--namespace={self.namespace}", "statefulset/database", "--timeout=180s"
        )

    def sql(self, statements: str) -> str:
        """What the database answers, asked in its own pod. Raises SetupFailed."""
        return self._ask("database-0", [], statements)

    def checksum(self, table: str) -> str:
        """Of all rows, whatever lies around them. Raises SetupFailed if there is no such table."""
        name, checksum = self.sql(f"CHECKSUM TABLE shop.{table}").split()
        if checksum == "NULL":
            raise SetupFailed(f"no checksum of {name}", why="the table does not exist")
        return checksum

    def storage_class(self) -> str:
        """Of the database's claim."""
        path = f"/api/v1/namespaces/{self.namespace}/persistentvolumeclaims/data-database-0"
        return str(self.cluster.api.request("GET", path)["spec"]["storageClassName"])

    def found_by_a_client(self) -> Found:
        """What a pod beside the database gets from it, after the database has checked its indexes. Raises SetupFailed."""
        self.cluster.kubectl("apply", f"--namespace={self.namespace}", "-f", _path("client.yaml"))
        self.cluster.kubectl(
            "wait", f"--namespace={self.namespace}", "--for=condition=Ready", "pod/client", "--timeout=120s"
        )
        return self._found("client", ["--host=database"])

    def found(self) -> Found:
        """The same, asked in the database's own pod."""
        return self.found_in("database-0")

    def found_in(self, pod: str) -> Found:
        """The same of another database, asked in its pod."""
        return self._found(pod, [])

    def _found(self, pod: str, flags: list[str]) -> Found:
        *_, state = self._ask(pod, flags, "CHECK TABLE shop.bookings EXTENDED").split()
        if state != "OK":
            raise SetupFailed("the table of bookings is damaged", why=state)
        return Found(*map(int, self._ask(pod, flags, _COUNT).split()))

    def _ask(self, pod: str, flags: list[str], statements: str) -> str:
        command = ["mariadb", *flags, "--batch", "--skip-column-names"]
        return self.cluster.kubectl(
            "exec", f"--namespace={self.namespace}", "--stdin", pod, "--", *command, input=statements
        )

    def _apply(self, manifest: str) -> None:
        self.cluster.kubectl("apply", "-f", _path(manifest))

    def _config_map(self, namespace: str, name: str, file: Path) -> None:
        self.cluster.kubectl("create", "configmap", name, f"--namespace={namespace}", f"--from-file={file}")

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Returns when it is so. Raises TimeoutError."""
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {_PATIENCE:.0f} s for {what}")
            time.sleep(0.2)


def _path(manifest: str) -> str:
    return str(_MANIFESTS / manifest)

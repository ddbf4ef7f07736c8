"""The story: a database is backed up in three ways under constant writes, restored in another cluster, repaired in its own."""

from __future__ import annotations

import base64
import json
import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed import programs, s3, storage
from testbed.errors import SetupFailed
from testbed.holdfast_image import HOLDFAST
from testbed.mariadb_image import MARIADB
from testbed.node_cluster import NodeCluster

from demo.mysql.bookings import Bookings
from demo.mysql.proof import Proof
from demo.scenario import NotTheSame
from demo.stage import Stage

_LITTLE = 20  # times smaller than the files: what a backup after small changes may take
_DATABASE = "statefulset/shop/database"
_PRICES = "shop/database-0/prices.sql=exec mariadb-dump --single-transaction shop prices"


@dataclass(frozen=True, slots=True)
class Way:
    """One backup of the database, by name, and how it is restored."""

    name: str  # of the backup, and of the namespace in the other cluster
    title: str
    selection: tuple[str, ...]
    data: tuple[str, ...]  # flags that say how its data is saved
    back: tuple[str, ...] = ()  # flags that bring the data back


WAYS = (
    Way("by-namespace", "a namespace, live", ("-n", "shop"), ()),
    Way(
        "by-label",
        "a label, with a dump",
        ("-n", "shop", "-l", "app=bookings"),
        ("--volumes", "none", "--dumps", "auto"),
        ("--dumps", "auto"),
    ),
    Way(
        "by-workload",
        "a workload, live and a dump",
        ("--workload", _DATABASE),
        ("--hook-dump", _PRICES),
        ("--dumps", "none"),
    ),
)


def play(stage: Stage, running: ExitStack, directory: Path) -> Proof:
    """All of it. What is started ends with `running`. Raises CommandFailed, NotTheSame, SetupFailed, TimeoutError."""
    with stage.step("Start two clusters with a node each, and an S3 server"):
        clusters = []
        for name in ("a", "b"):
            cluster = NodeCluster.start(name=f"mysql-{name}", say=stage.say)
            running.callback(cluster.stop)
            clusters.append(cluster)
        for cluster in clusters:
            cluster.wait_ready()
            cluster.import_image(MARIADB, stage.say)
            cluster.import_image(HOLDFAST, stage.say)
        server = s3.versitygw(say=stage.say)
        running.callback(server.stop)
        server.create_bucket("backups")
    here, there = clusters
    story = _Story(stage, here, there)
    story.prepare(server, directory)
    story.install()
    for way in WAYS:
        story.back_up(way)
    story.back_up_again()
    story.restore_a_table()
    for way in WAYS:
        story.restore_elsewhere(way)
    return story.proof


class _Story:
    def __init__(self, stage: Stage, here: NodeCluster, there: NodeCluster) -> None:
        self.proof = Proof()
        self._stage = stage
        self._here = here
        self._there = there
        self._bookings = Bookings(here)
        self._acknowledged: dict[str, int] = {}  # name of a backup → the last booking before it began
        self._checksum = ""  # of the table of prices

    def prepare(self, server: s3.S3Server, directory: Path) -> None:
        with self._stage.step("Make a repository, which pods reach at another address"):
            password = directory / "password"
            password.write_text(base64.b64encode(os.urandom(18)).decode(), encoding="utf-8")
            self._stage.export(
                {
                    **server.environment,
                    "HOLDFAST_REPOSITORY": server.repository("backups"),
                    "HOLDFAST_MOVER_REPOSITORY": f"s3:{self._here.url_for_pods(server.url)}/backups",
                    "HOLDFAST_PASSWORD_FILE": str(password),
                    "HOLDFAST_IMAGE": HOLDFAST.reference,
                    "KUBECONFIG": str(self._here.kubeconfig),
                }
            )
            self._there.url_for_pods(server.url)
            self._stage.run("holdfast", "repository", "init")

    def install(self) -> None:
        with self._stage.step("Install MariaDB in A, 100,000 bookings, and busy customers"):
            self._bookings.install()
            self._bookings.start_customers()
            self._checksum = self._bookings.checksum("prices")
            self._stage.run(programs.KUBECTL.path, "get", "pods,pvc", "-A")
            self._stage.say(f"Customers have booking {self._bookings.see_more():,} acknowledged, and go on.")

    def back_up(self, way: Way) -> None:
        with self._stage.step(f"Back it up: {way.title}"):
            self._note_acknowledged(way.name)
            self._stage.run("holdfast", "backup", "create", "--name", way.name, *way.selection, *way.data, lines=20)
            self._stage.say(f"Customers go on: {self._bookings.see_more():,} bookings are acknowledged.")

    def back_up_again(self) -> None:
        with self._stage.step("Back it up again, after small changes"):
            self._note_acknowledged("again")
            self._stage.run("holdfast", "backup", "create", "--name", "again", *WAYS[0].selection, lines=20)
            whole, again = (self._volume(name) for name in (WAYS[0].name, "again"))
            if again["stored"] * _LITTLE > whole["bytes"]:
                raise NotTheSame(
                    f"the second backup stored {again['stored']:,} bytes for {whole['bytes']:,} bytes of files"
                )
            for what, volume in (("First backup", whole), ("One after small changes", again)):
                self.proof.state(f"{what}: files of the volume", f"{volume['bytes']:,} bytes")
                self.proof.state(f"{what}: not in the repository before", f"{volume['added']:,} bytes")
                self.proof.state(f"{what}: takes there", f"{volume['stored']:,} bytes")

    def restore_a_table(self) -> None:
        with self._stage.step("Somebody drops a table in A; bring it back"):
            self._bookings.sql("DROP TABLE shop.prices")
            path = "/dumps/shop/database-0/mariadb/prices.sql"
            dump = self._stage.run("holdfast", "backup", "cat", WAYS[2].name, path, lines=6)
            self._stage.say("$ holdfast backup cat … | kubectl exec -i -n shop database-0 -- mariadb shop")
            self._bookings.sql(f"USE shop;\n{dump}")
            checksum = self._bookings.checksum("prices")
            if checksum != self._checksum:
                raise NotTheSame(f"the checksum of the table was {self._checksum} and is {checksum}")
            self._stage.say(f"CHECKSUM TABLE says {checksum}, as before.")
            self._bookings.see_more()
            self.proof.state("CHECKSUM TABLE of the dropped table, before and after", checksum)

    def restore_elsewhere(self, way: Way) -> None:
        with self._stage.step(f"Restore it into B, as {way.name}, in class {storage.FAST}"):
            self._stage.run(
                "holdfast", "restore", "run", way.name, "--kubeconfig", str(self._there.kubeconfig),
                "--map-namespace", f"shop={way.name}", "--map-storage-class", f"{storage.STANDARD}={storage.FAST}",
                *way.back, lines=20,
            )  # fmt: skip
            restored = Bookings(self._there, way.name)
            restored.wait_ready()
            found = restored.found_by_a_client()
            self.proof.add(way.title, self._acknowledged[way.name], found)
            self._stage.say(f"A client in B finds bookings 1 to {found.last:,}, all of them.")
            if restored.storage_class() != storage.FAST:
                raise SetupFailed("the claim in B is of another class", why=restored.storage_class())

    def _note_acknowledged(self, name: str) -> None:
        self._acknowledged[name] = self._bookings.see_more()
        self._stage.say(f"Booking {self._acknowledged[name]:,} is acknowledged.")

    def _volume(self, name: str) -> dict[str, Any]:
        """What a backup says of the database's volume."""
        [volume] = json.loads(self._stage.ask("holdfast", "backup", "show", name, "-o", "json"))["volumes"]
        return dict(volume)

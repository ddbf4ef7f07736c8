"""Dumps of real databases: out of one, into the repository, and into another, by streams alone."""

import re
import tracemalloc

import pytest
from testbed.mariadb_image import MARIADB
from testbed.postgresql_image import POSTGRESQL
from tests.cluster.severed import Severed
from tests.conftest import needed_tools
from tests.restore_lab import Lab, eventually, pod
from tests.sample_repository import init

from holdfast.cluster.execution import Input
from holdfast.errors import DamagedData, StoreUnavailable
from holdfast.model.cancel import Cancel
from holdfast.model.hooks import DumpMode, Hook, HookOutcome, HookSet, PodSelection, When
from holdfast.model.progress import Silent
from holdfast.objects.hooks.commands import shell
from holdfast.objects.hooks.select import select_hooks
from holdfast.operations.hooks.dumps import save_dump
from holdfast.operations.hooks.loading import load_dumps
from holdfast.repository.contents import SnapshotContents
from holdfast.repository.tree_builder import TreeBuilder
from holdfast.store.memory import MemoryStore

DONE, FAILED, LEFT_OUT = HookOutcome.DONE, HookOutcome.FAILED, HookOutcome.LEFT_OUT


@pytest.fixture(scope="module")
def lab(node_cluster):
    lab = Lab(node_cluster)
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def shop(lab):
    """A namespace with the running pod `plain`."""
    shop = lab.new_namespace("dumps")
    make(shop, "plain", {"name": "main", "image": "testbed/busybox:1", "command": ["sleep", "3600"]})
    return shop


def make(shop, name, container):
    shop.make(pod(name, spec={"containers": [container], "terminationGracePeriodSeconds": 0}))
    eventually(lambda: is_ready(shop.read(pod(name))), f"{name} is ready")


def is_ready(found):
    conditions = found["status"].get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


class Backups:
    """A repository in memory, and backups that are nothing but dumps."""

    def __init__(self, store=None):
        self.store = store or MemoryStore()
        self.repository = init(self.store)

    def save(self, shop, name, *hooks, dumps=DumpMode.GIVEN):
        """(records, contents) of a backup of this pod's dumps."""
        (selected,) = select_hooks([shop.read(pod(name))], HookSet(hooks=hooks, dumps=dumps))
        cancel = Cancel()
        with self.repository.lock(cancel) as lock:
            writer = self.repository.writer(lock, cancel)
            try:
                tree = TreeBuilder()
                records = []
                for hook in selected.dumps:
                    record, file = save_dump(shop.cluster, selected, hook, writer, self.repository.chunker, Silent())
                    records.append(record)
                    assert (file is not None) == (record.outcome is DONE)
                    if file is not None:
                        tree.add(record.path.strip("/").split("/"), file)
                root = tree.save(writer)
                writer.flush()
                self.stats = writer.stats
            finally:
                writer.close()
        return records, SnapshotContents(self.repository.reader, root)


def dump(text, name="all.sql", **fields):
    return Hook(name=name, when=When.DUMP, command=shell(text), pods=PodSelection(), **{"timeout": 60.0} | fields)


def load(shop, contents, records, names, *hooks, dumps=DumpMode.GIVEN, namespaces=None):
    pods = [shop.read(pod(name)) for name in names]
    given = HookSet(hooks=hooks, dumps=dumps)
    return load_dumps(shop.cluster, contents, records, pods, given, namespaces or {}, progress=Silent())


# Streams


def test_a_dump_is_a_file_of_the_backup(shop):
    (record,), contents = Backups().save(shop, "plain", dump("seq 1 500000"))
    path = f"/dumps/{shop.namespace}/plain/main/all.sql"
    expected = b"".join(b"%d\n" % number for number in range(1, 500001))
    assert (record.outcome, record.path, record.bytes) == (DONE, path, len(expected))
    assert contents.read(path) == expected


def test_a_dump_that_did_not_change_is_stored_once(shop):
    backups = Backups()
    backups.save(shop, "plain", dump("seq 1 500000"))
    backups.save(shop, "plain", dump("seq 1 500000"))
    assert backups.stats.data_blobs == 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("seq 1 500000; echo oops >&2; exit 4", "exit code 4: oops"),
        ("true", "wrote nothing"),
        ("echo begun; sleep 60", "did not end in 2 s"),
    ],
    ids=["fails at the end", "nothing", "hangs"],
)
def test_a_dump_that_is_not_whole_is_not_in_the_backup(shop, text, why):
    (bad, good), contents = Backups().save(shop, "plain", dump(text, timeout=2.0), dump("echo x", "good"))
    assert (bad.outcome, good.outcome) == (FAILED, DONE)
    assert why in bad.why
    assert not contents.find(f"/dumps/{shop.namespace}/plain/main/all.sql")
    assert contents.read(good.path) == b"x\n"


def test_a_dump_whose_connection_breaks_is_not_in_the_backup(node_cluster, shop):
    with Severed(node_cluster, after=3_000_000) as kubeconfig:
        other = Lab(node_cluster, account=kubeconfig)
        (selected,) = select_hooks([shop.read(pod("plain"))], HookSet(hooks=(dump("seq 1 2000000"),)))
        backups = Backups()
        cancel = Cancel()
        with backups.repository.lock(cancel) as lock:
            writer = backups.repository.writer(lock, cancel)
            record, file = save_dump(
                other.cluster, selected, selected.dumps[0], writer, backups.repository.chunker, Silent()
            )
            writer.close()
        other.close()
    assert (record.outcome, file) == (FAILED, None)
    assert "connection" in record.why


def test_a_store_that_fails_ends_the_run_and_not_the_dump_alone(shop, monkeypatch):
    store = MemoryStore()
    backups = Backups(store)

    def refuse(*_args, **_options):
        raise StoreUnavailable("the store is away")

    monkeypatch.setattr(store, "put", refuse)
    with pytest.raises(StoreUnavailable):
        backups.save(shop, "plain", dump("head -c 40000000 /dev/urandom"))


def test_memory_does_not_grow_with_a_dump(shop):
    backups = Backups()
    backups.save(shop, "plain", dump("head -c 1000000 /dev/zero"))  # what is needed once
    tracemalloc.start()
    (record,), _ = backups.save(shop, "plain", dump("head -c 300000000 /dev/zero"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert record.bytes == 300_000_000
    assert peak < 60 << 20


def test_a_dump_goes_back_byte_for_byte(shop):
    make_it = "head -c 20000000 /dev/urandom >/tmp/data; sha256sum </tmp/data >/tmp/sum; cat /tmp/data"
    take = dump(make_it, load=shell("sha256sum >/tmp/back"))
    records, contents = Backups().save(shop, "plain", take)
    (record,) = load(shop, contents, records, ["plain"], take)
    assert (record.outcome, record.when, record.bytes) == (DONE, When.LOAD, 20_000_000)
    compared = shop.cluster.execute(shop.namespace, "plain", ["cmp", "/tmp/sum", "/tmp/back"], container="main")
    assert compared.exit_code == 0


def test_the_way_back_alone_can_be_given(shop):
    records, contents = Backups().save(shop, "plain", dump("echo x"))
    way_back = Hook(name="all.sql", when=When.DUMP, load=shell("cat >/tmp/x"))
    assert [one.outcome for one in load(shop, contents, records, ["plain"], way_back)] == [DONE]


def test_a_dump_that_nobody_knows_how_to_load_is_named_with_the_next_step(shop):
    records, contents = Backups().save(shop, "plain", dump("echo x"))
    (record,) = load(shop, contents, records, ["plain"])
    assert record.outcome is LEFT_OUT
    assert f"--hook-load {shop.namespace}/plain:main/all.sql=COMMAND" in record.next


def test_a_dump_without_a_pod_is_named(shop):
    records, contents = Backups().save(shop, "plain", dump("echo x", load=("cat",)))
    (record,) = load(shop, contents, records, ["plain"], namespaces={shop.namespace: "elsewhere"})
    assert (record.outcome, record.why) == (LEFT_OUT, "there is no pod for it")


def test_a_load_that_ends_well_before_it_has_read_all_is_no_success(shop):
    take = dump("seq 1 3000000", load=("true",))
    records, contents = Backups().save(shop, "plain", take)
    (record,) = load(shop, contents, records, ["plain"], take)
    assert record.outcome is FAILED
    assert "ended before it had read all" in record.why


def test_a_load_that_fails_is_named(shop):
    take = dump("seq 1 500000", load=shell("head -n 1; echo refused >&2; exit 1"))
    records, contents = Backups().save(shop, "plain", take)
    (record,) = load(shop, contents, records, ["plain"], take)
    assert (record.outcome, record.exit_code) == (FAILED, 1)
    assert "refused" in record.why


def test_a_dump_that_is_damaged_in_the_repository_is_named_and_the_rest_goes_on(shop, monkeypatch):
    takes = [dump("seq 1 900000", "one", load=shell("cat >/tmp/one")), dump("echo two", "two", load=("cat",))]
    records, contents = Backups().save(shop, "plain", *takes)
    whole = contents.pieces

    def broken(path):
        pieces = whole(path)
        yield next(pieces)
        if path.endswith("one"):
            raise DamagedData(f"{path} cannot be read whole")
        yield from pieces

    monkeypatch.setattr(contents, "pieces", broken)
    one, two = load(shop, contents, records, ["plain"], *takes)
    assert (one.outcome, two.outcome) == (FAILED, DONE)
    assert "cannot be read whole" in one.why
    assert "check --read-data" in one.next


# Databases


def mariadb(name="mariadb", **environment):
    return {
        "name": name,
        "image": "testbed/mariadb:10.11",
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "readinessProbe": {"exec": {"command": ["mariadb", "--host=127.0.0.1", "-e", "select 1"]}, "periodSeconds": 1},
    }


SCHEMA = """
CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;
CREATE TABLE orders (id INT PRIMARY KEY, note TEXT, data LONGBLOB) ENGINE=InnoDB;
CREATE TABLE log (id INT) ENGINE=InnoDB;
CREATE TRIGGER t AFTER INSERT ON orders FOR EACH ROW INSERT INTO log VALUES (NEW.id);
CREATE PROCEDURE p() SELECT COUNT(*) FROM orders;
CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM log WHERE id < 0;
CREATE VIEW v AS SELECT id FROM orders;
INSERT INTO orders SELECT seq, CONCAT('ß 🦆 ', seq), CONCAT(UNHEX('00FF0D0A1A27225C'), REPEAT(UNHEX(SHA2(seq, 512)), 40))
    FROM seq_1_to_3000;
CREATE USER buyer IDENTIFIED BY 'secret';
GRANT SELECT ON shop.* TO buyer;
"""
SUM = "SELECT MD5(GROUP_CONCAT(MD5(CONCAT_WS('|', id, note, MD5(data))) ORDER BY id)) FROM shop.orders"
THINGS = """
SELECT COUNT(*) FROM shop.log; SELECT COUNT(*) FROM shop.v;
SELECT TRIGGER_NAME, ACTION_STATEMENT FROM information_schema.TRIGGERS; SHOW GRANTS FOR buyer;
SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA='shop';
SELECT EVENT_NAME FROM information_schema.EVENTS;
"""


def sql(shop, name, text):
    command = [
        "mariadb",
        "--default-character-set=utf8mb4",
        "-N",
        "-e",
        f"SET SESSION group_concat_max_len=1000000; {text}",
    ]
    done = shop.cluster.execute(shop.namespace, name, command, container="mariadb")
    assert done.exit_code == 0, done
    return done.output


@pytest.fixture(scope="module")
def _mariadb(node_cluster):
    with needed_tools():
        node_cluster.import_image(MARIADB)


@pytest.mark.usefixtures("_mariadb")
def test_mariadb_by_its_recipe_out_of_one_database_into_an_empty_one(shop):
    make(shop, "db-0", mariadb())
    sql(shop, "db-0", SCHEMA)
    (record,), contents = Backups().save(shop, "db-0", dumps=DumpMode.AUTO)
    assert (record.outcome, record.recipe, record.why) == (DONE, "mysql", "")
    before = sql(shop, "db-0", SUM), sql(shop, "db-0", THINGS)
    shop.delete(pod("db-0"))

    make(shop, "db-0", mariadb())
    (loaded,) = load(shop, contents, [record], ["db-0"], dumps=DumpMode.AUTO)
    assert (loaded.outcome, loaded.why) == (DONE, "")
    assert (sql(shop, "db-0", SUM), sql(shop, "db-0", THINGS)) == before
    shop.delete(pod("db-0"))


@pytest.mark.usefixtures("_mariadb")
def test_a_dump_of_mariadb_is_of_one_moment(shop):
    """While a writer moves money between two tables, the sum in the dump is what it always was."""
    make(shop, "bank", mariadb())
    sql(shop, "bank", "CREATE DATABASE b; USE b; CREATE TABLE b.x (v INT); CREATE TABLE b.y (v INT);"
        "INSERT INTO b.x VALUES (1000000); INSERT INTO b.y VALUES (0);"
        "CREATE TABLE b.ballast AS SELECT seq, REPEAT('x', 500) FROM seq_1_to_40000")  # fmt: skip
    steps = "BEGIN; UPDATE b.x SET v=v-1; UPDATE b.y SET v=v+1; COMMIT;"
    move = f"(while :; do echo '{steps}'; done | mariadb) </dev/null >/dev/null 2>&1 &"
    shop.cluster.execute(shop.namespace, "bank", ["sh", "-c", move], container="mariadb")
    (record,), contents = Backups().save(shop, "bank", dumps=DumpMode.AUTO)
    assert record.outcome is DONE
    values = re.findall(r"INSERT INTO `[xy]` VALUES\s*\((\d+)\)", contents.read(record.path).decode())
    assert len(values) == 2
    assert sum(map(int, values)) == 1_000_000
    shop.delete(pod("bank"))


def postgresql(**environment):
    return {
        "name": "postgresql",
        "image": "testbed/postgresql:15",
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "readinessProbe": {"exec": {"command": ["pg_isready", "--host=127.0.0.1"]}, "periodSeconds": 1},
    }


PG_SCHEMA = r"""
CREATE ROLE buyer LOGIN PASSWORD 'secret';
CREATE DATABASE shop OWNER buyer;
\connect shop
CREATE TABLE orders (id int PRIMARY KEY, note text, data bytea);
INSERT INTO orders SELECT n, 'ß 🦆 ' || n, sha512(n::text::bytea) FROM generate_series(1, 3000) n;
CREATE VIEW v AS SELECT id FROM orders;
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM orders';
GRANT SELECT ON orders TO buyer;
"""
PG_SUM = "SELECT md5(string_agg(md5(o::text), ',' ORDER BY id)), f(), (SELECT count(*) FROM v) FROM orders o"


def psql(shop, text, database="postgres", user="owner"):
    command = ["psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", user, "-d", database]
    with shop.cluster.running(
        shop.namespace,
        "pg-0",
        command,
        container="postgresql",
        timeout=60.0,
        give=Input(len(text.encode()), [text.encode()]),
    ) as started:
        done = started.finish()
    assert done.exit_code == 0, done
    return done.output


def test_postgresql_by_its_recipe_out_of_one_database_into_an_empty_one(node_cluster, shop):
    with needed_tools():
        node_cluster.import_image(POSTGRESQL)
    login = {"POSTGRES_USER": "owner", "POSTGRES_PASSWORD": "pässword"}
    make(shop, "pg-0", postgresql(**login))
    psql(shop, PG_SCHEMA)
    (record,), contents = Backups().save(shop, "pg-0", dumps=DumpMode.AUTO)
    assert (record.outcome, record.recipe, record.why) == (DONE, "postgresql", "")
    before = psql(shop, PG_SUM, "shop")
    shop.delete(pod("pg-0"))

    make(shop, "pg-0", postgresql(**login))
    (loaded,) = load(shop, contents, [record], ["pg-0"], dumps=DumpMode.AUTO)
    assert (loaded.outcome, loaded.why) == (DONE, "")
    assert psql(shop, PG_SUM, "shop") == before
    assert psql(shop, "SELECT 1", "shop", "buyer") == b"1\n"

    (again,) = load(shop, contents, [record], ["pg-0"], dumps=DumpMode.AUTO)  # into what it made
    assert (again.outcome, again.why) == (DONE, "")
    assert psql(shop, PG_SUM, "shop") == before

    in_use = "psql -X -U owner -d shop -c 'select pg_sleep(60)' >/dev/null 2>&1 &"
    shop.cluster.execute(shop.namespace, "pg-0", ["sh", "-c", in_use], container="postgresql")
    eventually(lambda: psql(shop, "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'select pg_sleep%'"), "it is in use")
    (refused,) = load(shop, contents, [record], ["pg-0"], dumps=DumpMode.AUTO)
    assert refused.outcome is FAILED
    assert "being accessed by other users" in refused.why
    shop.delete(pod("pg-0"))

"""Which hooks are for which pods, and which databases are recognised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.objects.hooks.pods import owner, pod

from holdfast.model.hooks import DumpMode, Hook, HookSet, Origin, PodSelection, When
from holdfast.objects.hooks.recipes import RECIPES, recognise
from holdfast.objects.hooks.select import select_hooks, workload_of

OURS = "hooks.holdfast.dev/"
PRE = "pre.hook.backup.velero.io/"


def hook(when=When.BEFORE_BACKUP, name="given", command=("x",), **fields):
    pods = PodSelection(**{key: fields.pop(key) for key in list(fields) if key in PodSelection.__slots__})
    return Hook(name=name, when=when, command=command, pods=pods, **fields)


def one(the_pod, *hooks, **options):
    (found,) = select_hooks([the_pod], HookSet(hooks=hooks, **options))
    return found


def names(hooks):
    return [one.name for one in hooks]


@pytest.mark.parametrize(
    ("selection", "fits"),
    [
        ({}, True),
        ({"namespaces": ("shop",)}, True),
        ({"namespaces": ("sh*", "other")}, True),
        ({"namespaces": ("other",)}, False),
        ({"exclude_namespaces": ("sh*",)}, False),
        ({"pods": ("db-?",)}, True),
        ({"pods": ("web-*",)}, False),
        ({"selector": "app=db"}, True),
        ({"selector": "app=web"}, False),
        ({"namespaces": ("shop",), "selector": "!app"}, False),
    ],
)
def test_a_hook_is_for_the_pods_that_fit(selection, fits):
    found = select_hooks([pod(labels={"app": "db"})], HookSet(hooks=(hook(**selection),)))
    assert bool(found) is fits


def test_hooks_come_in_order_and_by_their_time():
    found = one(
        pod(),
        hook(name="1"),
        hook(When.AFTER_BACKUP, "2"),
        hook(name="3"),
        hook(When.AFTER_RESTORE, "4"),
        hook(When.DUMP, "5"),
    )
    assert [names(part) for part in (found.before, found.after, found.after_restore, found.dumps)] == [
        ["1", "3"],
        ["2"],
        ["4"],
        ["5"],
    ]
    assert found.running == {"db", "proxy"}


def test_annotations_win_over_what_was_given_for_their_time_only():
    found = one(pod(annotations={f"{OURS}before-backup": "own"}), hook(), hook(When.AFTER_BACKUP))
    assert names(found.before) == ["before-backup"]
    assert names(found.after) == ["given"]
    assert found.notes == ("the hook given is not run: the pod's annotations say what is done before-backup",)


@pytest.mark.parametrize(
    ("annotations", "origin", "container"),
    [
        ({}, Origin.GIVEN, "db"),
        ({"kubectl.kubernetes.io/default-container": "proxy"}, Origin.GIVEN, "proxy"),
        ({"kubectl.kubernetes.io/default-container": "proxy"}, Origin.VELERO, "db"),
    ],
)
def test_the_container_that_is_taken_when_none_is_named(annotations, origin, container):
    assert one(pod(annotations=annotations), hook(origin=origin)).before[0].container == container


def test_a_container_that_is_not_there():
    found = one(pod(), hook(container="nobody"))
    assert found.before[0].unusable == "the pod has no container 'nobody'"


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_pods_that_have_finished_have_no_hooks(phase):
    assert select_hooks([pod(status={"phase": phase})], HookSet(hooks=(hook(),))) == []


def test_a_pod_that_does_not_run_yet():
    found = one(pod(status={"phase": "Pending"}), hook())
    assert found.running == frozenset()


def test_no_hooks_means_none():
    annotated = pod(annotations={f"{OURS}before-backup": "x", f"{OURS}dump": "auto"})
    assert select_hooks([annotated], HookSet(hooks=(hook(),), enabled=False)) == []


def test_what_freezes_gets_a_thaw():
    freeze = hook(command=("fsfreeze", "-f", "/data"))
    found = one(pod(), freeze).before[0]
    assert (found.thaw, found.thaw_is_spare) == (("fsfreeze", "-u", "/data"), True)
    own = one(pod(), hook(command=("fsfreeze", "-f", "/data"), thaw=("mine",))).before[0]
    assert (own.thaw, own.thaw_is_spare) == (("mine",), False)


# Workloads


@pytest.mark.parametrize(
    ("owners", "labels", "workload"),
    [
        ([], {}, ""),
        ([owner("StatefulSet", "db")], {}, "statefulset/db"),
        ([owner("ReplicaSet", "web-abc12")], {"pod-template-hash": "abc12"}, "deployment/web"),
        ([owner("ReplicaSet", "web-abc12")], {}, "replicaset/web-abc12"),
        ([{**owner("StatefulSet", "db"), "controller": False}], {}, ""),
    ],
)
def test_what_made_a_pod(owners, labels, workload):
    assert workload_of(pod(owners=owners, labels=labels)) == workload


# Recipes


@pytest.mark.parametrize(
    ("image", "recipe"),
    [
        ("mysql", "mysql"),
        ("mysql:8.4", "mysql"),
        ("docker.io/library/mariadb:11@sha256:0123", "mysql"),
        ("localhost:5000/bitnami/mariadb", "mysql"),
        ("bitnami/mariadb-galera:11", "mysql"),
        ("percona/percona-server:8.0", "mysql"),
        ("registry.example/rhel9/mysql-80", "mysql"),
        ("registry.example/rhel9/mariadb-1011:1", "mysql"),
        ("postgres:16-alpine", "postgresql"),
        ("bitnami/postgresql:16", "postgresql"),
        ("timescale/timescaledb-ha:pg16", "postgresql"),
        ("ghcr.example/cloudnative-pg/postgresql:16.2", "postgresql"),
        ("registry.example/crunchydata/crunchy-postgres:ubi8", "postgresql"),
        ("registry.example/acid/spilo-16:3.2", "postgresql"),
        ("registry.example/sclorg/postgresql-15-c9s", None),
        ("prom/mysqld-exporter", None),
        ("bitnami/postgres-exporter", None),
        ("phpmyadmin", None),
        ("wordpress:6", None),
        ("mysql-operator/mysql-router", None),
        ("", None),
    ],
)
def test_databases_are_recognised_by_their_image(image, recipe):
    found = recognise({"name": "db", "image": image})
    assert (found and found.name) == recipe


@pytest.mark.parametrize(
    ("variable", "port", "recipe"),
    [
        ("MYSQL_ROOT_PASSWORD", 3306, "mysql"),
        ("MARIADB_ROOT_PASSWORD_FILE", 3306, "mysql"),
        ("PGDATA", 5432, "postgresql"),
        ("POSTGRES_PASSWORD_FILE", 5432, "postgresql"),
        ("MYSQL_ROOT_PASSWORD", 80, None),
        ("OTHER", 3306, None),
    ],
)
def test_or_by_environment_and_port_together(variable, port, recipe):
    container = {"image": "acme/db:1", "env": [{"name": variable}], "ports": [{"containerPort": port}]}
    found = recognise(container)
    assert (found and found.name) == recipe


@given(st.text())
def test_any_image_is_recognised_or_not(image):
    assert recognise({"image": image}) in (None, *RECIPES.values())


DATABASE = {"name": "mysql", "image": "mysql:8"}


def test_a_database_that_nobody_asks_to_dump_is_named():
    found = one(pod(containers=[DATABASE]))
    assert not found.dumps
    assert "MySQL or MariaDB was recognised in the container mysql" in found.notes[0]


@pytest.mark.parametrize(("annotations", "options"), [({}, {"dumps": DumpMode.AUTO}), ({f"{OURS}dump": "auto"}, {})])
def test_a_database_is_dumped_when_the_run_or_the_pod_asks(annotations, options):
    found = one(pod(containers=["proxy", DATABASE], annotations=annotations), **options)
    (dump,) = found.dumps
    assert (dump.container, dump.name, dump.recipe) == ("mysql", "mysql.sql", "mysql")
    assert (dump.command, dump.load) == (RECIPES["mysql"].dump, RECIPES["mysql"].load)
    assert found.loads == (dump,)
    assert not found.notes


def test_a_pod_that_wants_no_dump_has_none():
    assert (
        select_hooks([pod(containers=[DATABASE], annotations={f"{OURS}dump": "none"})], HookSet(dumps=DumpMode.AUTO))
        == []
    )


def test_no_dumps_means_none():
    annotated = pod(containers=[DATABASE], annotations={f"{OURS}dump": "auto"})
    assert select_hooks([annotated], HookSet(dumps=DumpMode.NONE)) == []


def test_a_dump_that_was_asked_for_takes_the_place_of_the_recipe():
    found = one(pod(containers=[DATABASE]), hook(When.DUMP, "own.sql"), dumps=DumpMode.AUTO)
    assert names(found.dumps) == ["own.sql"]


@pytest.mark.parametrize(
    ("fields", "unusable"),
    [
        ({"recipe": "auto"}, "no database that a recipe is known for was recognised in any container"),
        ({"recipe": "postgresql"}, "PostgreSQL was not recognised in any container"),
        ({"recipe": "postgresql", "container": "nobody"}, "PostgreSQL was not recognised in the container nobody"),
        ({"recipe": "postgresql", "container": "db"}, ""),
    ],
)
def test_a_recipe_that_is_named(fields, unusable):
    (dump,) = one(pod(), hook(When.DUMP, "x", (), **fields)).dumps
    assert dump.unusable == unusable


def test_the_command_of_a_way_back_alone_is_no_dump():
    found = one(pod(), hook(When.DUMP, "all.sql", (), load=("psql",)))
    assert not found.dumps
    assert names(found.loads) == ["all.sql"]


@pytest.mark.parametrize(
    ("errors", "complaint"),
    [
        (b"", ""),
        (b'psql:<stdin>:14: ERROR:  role "postgres" already exists\n', ""),
        (b"psql:<stdin>:9: ERROR:  current user cannot be dropped\nNOTICE:  x\n", ""),
        (b'psql:<stdin>:20: ERROR:  database "shop" already exists\n', 'database "shop" already exists'),
        (b'ERROR:  role "a" already exists\nFATAL:  no space\n', "no space"),
    ],
)
def test_what_psql_says_at_the_end_of_a_load(errors, complaint):
    assert RECIPES["postgresql"].complaint(errors) == complaint


def test_recipes_show_no_secret_in_their_arguments():
    for recipe in RECIPES.values():
        for command in (recipe.dump, recipe.load):
            assert command[:2] == ("/bin/sh", "-c")
            assert "--password=" not in command[2]


SOMETHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(("name", "image", "env", "state", "running")), inner),
    ),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional={"metadata": SOMETHING, "spec": SOMETHING, "status": SOMETHING}))
def test_whatever_a_pod_looks_like_raises_nothing(strange):
    select_hooks([strange], HookSet(hooks=(hook(), hook(When.DUMP, "d", (), recipe="auto")), dumps=DumpMode.AUTO))

"""`backup create --plan`: what a plan's pod runs, against a real API server."""

import datetime as dt
import json

import pytest
from tests.api_proxy import Answer
from tests.cli.documented import assert_documented
from tests.plan_lab import define_plans, make_plan, plan_object, plans_of

NIGHT = dt.datetime(2026, 11, 26, 2, tzinfo=dt.UTC)


def job(moment, plan="nightly"):
    """As Kubernetes names the Jobs of a CronJob."""
    return f"plan-{plan}-{int(moment.timestamp()) // 60}"


@pytest.fixture
def planned(connected, cluster):
    """The program with repository, and a cluster that serves plans."""
    define_plans(cluster)
    return connected


def listed(holdfast):
    return holdfast("backup", "list", "-o", "json").document


def test_a_plan_says_what_is_backed_up_and_how(planned, cluster, shop):
    backup = {"labels": {"team": "sales"}, "keepFor": "30d", "type": "full", "excludeKinds": ["secrets"]}
    plan = make_plan(cluster, shop, backup=backup)
    made = planned("backup", "create", "--plan", plan, "--label", "why=upgrade", "-o", "json").document
    assert_documented("backup create", made)
    assert (made["outcome"], made["type"]) == ("done", "full")
    assert made["name"].startswith("nightly-20")
    [entry] = listed(planned)
    assert (entry["plan"], entry["scheduledAt"]) == (plan, "")
    assert entry["labels"] == {"team": "sales", "why": "upgrade"}
    assert entry["keepUntil"] == made["keepUntil"] != ""
    assert entry["selection"] == ["/exclude-kinds/secrets", f"/namespaces/{shop}"]
    shown = planned("backup", "show", made["id"], "-o", "json").document
    assert_documented("backup show", shown)
    assert (shown["plan"], shown["scheduledAt"]) == (plan, "")
    assert plan in planned("backup", "show", made["id"]).out


def test_a_plan_can_be_tried(planned, cluster, shop):
    plan = make_plan(cluster, shop)
    assert "settings" in planned("backup", "create", "--plan", plan, "--dry-run").out
    assert listed(planned) == []


def test_a_scheduled_time_gets_one_backup(planned, cluster, shop):
    plan = make_plan(cluster, shop)
    night = planned.but(HOLDFAST_JOB=job(NIGHT))
    made = night("backup", "create", "--plan", plan, "-o", "json").document
    assert made["name"] == "nightly-20261126-0200"
    again = night("backup", "create", "--plan", plan, "-o", "json").document
    assert_documented("backup create", again)
    assert (again["id"], again["outcome"], len(again["notes"])) == (made["id"], "done", 1)
    assert "is there already" in night("backup", "create", "--plan", plan).out
    [entry] = listed(planned)
    assert (entry["id"], entry["scheduledAt"]) == (made["id"], "2026-11-26T02:00:00Z")
    later = planned.but(HOLDFAST_JOB=job(NIGHT + dt.timedelta(days=1)))
    assert later("backup", "create", "--plan", plan, "-o", "json").document["name"] == "nightly-20261127-0200"
    by_hand = planned.but(HOLDFAST_JOB="plan-nightly-run-x7k2m")
    assert by_hand("backup", "create", "--plan", plan, "-o", "json").document["name"].count("-") == 2
    assert "is there already" in by_hand("backup", "create", "--plan", plan).out
    assert len(listed(planned)) == 3


def test_another_cluster_or_plan_is_another_run_with_another_name(planned, cluster, shop, make_namespace):
    other = make_namespace()
    night = planned.but(HOLDFAST_JOB=job(NIGHT))
    plans = [make_plan(cluster, shop), make_plan(cluster, other, backup={"namespaces": [shop]})]
    for plan in plans:
        night("backup", "create", "--plan", plan)
        night("backup", "create", "--plan", plan, "--cluster-name", "elsewhere")
    assert len({(entry["plan"], entry["cluster"]) for entry in listed(planned)}) == 4
    names = [entry["name"] for entry in listed(planned)]
    assert len(set(names)) == 4
    assert all(name.startswith("nightly-20261126-0200") for name in names)


def test_a_partial_backup_does_not_stand_for_its_time(planned, cluster, shop):
    plan = make_plan(cluster, shop, backup={"volumes": "auto"})
    cluster.api.create(f"/api/v1/namespaces/{shop}/persistentvolumeclaims", claim("data"))
    night = planned.but(HOLDFAST_JOB=job(NIGHT))
    assert night("backup", "create", "--plan", plan, "-o", "json", code=3).document["outcome"] == "partial"
    cluster.api.request("DELETE", f"/api/v1/namespaces/{shop}/persistentvolumeclaims/data")
    cluster.api.request(
        "PUT", f"{plans_of(shop)}/nightly", _changed(cluster, shop, lambda plan: plan["backup"].update(volumes="none"))
    )
    assert night("backup", "create", "--plan", plan, "-o", "json").document["outcome"] == "done"
    assert len({entry["name"] for entry in listed(planned)}) == 2


def claim(name):
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def _changed(cluster, namespace, change):
    plan = cluster.api.request("GET", f"{plans_of(namespace)}/nightly")
    change(plan["spec"])
    return plan


def test_full_backups_come_when_they_are_due(planned, cluster, shop):
    plan = make_plan(cluster, shop, fullEvery="7d", timeZone="Europe/Berlin")
    types = []
    for day in (0, 1, 6, 7, 8, 13, 14):
        night = planned.but(HOLDFAST_JOB=job(NIGHT + dt.timedelta(days=day)))
        types.append(night("backup", "create", "--plan", plan, "-o", "json").document["type"][0])
    assert "".join(types) == "fiifiif"


def test_a_failed_run_is_listed_with_its_plan(planned, cluster, shop):
    plan = make_plan(cluster, shop, backup={"namespaces": ["gone-with-the-wind"]})
    problem = planned.but(HOLDFAST_JOB=job(NIGHT))("backup", "create", "--plan", plan, code=1).problem
    assert problem[0] == "the namespace 'gone-with-the-wind' does not exist"
    [entry] = listed(planned)
    assert (entry["outcome"], entry["plan"], entry["scheduledAt"]) == ("failed", plan, "2026-11-26T02:00:00Z")


def test_a_suspended_plan_can_be_run_by_hand(planned, cluster, shop):
    plan = make_plan(cluster, shop, suspend=True)
    assert "is suspended" in planned("backup", "create", "--plan", plan).err


# Backups of one Job, without a plan


def test_pods_of_one_job_make_one_backup(connected, shop):
    """As of a Backup object, whose pod was evicted after it had published."""
    pod = connected.but(HOLDFAST_JOB="backup-before-upgrade-3f9c2a1b")
    create = ("backup", "create", "-n", shop, "--name", "before-upgrade", "--volumes", "none")
    done = [child.end() for child in [pod.but(HOLDFAST_POD_UID=f"pod-{n}").start(*create) for n in range(3)]]
    assert [one.code for one in done] == [0, 0, 0]
    assert sum("is there already" in one.out for one in done) == 2
    [entry] = listed(connected)
    assert pod(*create, "-o", "json").document["id"] == entry["id"]
    assert entry["name"] == "before-upgrade"
    another = connected.but(HOLDFAST_JOB="backup-before-upgrade-00000000")
    assert "before-upgrade already" in another(*create, code=2).problem[0]


def test_a_job_that_made_a_partial_backup_is_done(connected, cluster, shop):
    cluster.api.create(f"/api/v1/namespaces/{shop}/persistentvolumeclaims", claim("data"))
    pod = connected.but(HOLDFAST_JOB="backup-before-upgrade-3f9c2a1b")
    create = ("backup", "create", "-n", shop, "--name", "before-upgrade", "-o", "json")
    made, again = pod(*create, code=3).document, pod(*create, code=3).document
    assert (made["id"], again["outcome"]) == (again["id"], "partial")


# What is wrong


@pytest.mark.parametrize(
    "flags",
    [
        ("-n", "default"),
        ("--type", "full"),
        ("--volumes", "none"),
        ("--keep-for", "3d"),
        ("-l", "a=b"),
        ("--exclude-path", "*.tmp"),
        ("--mover-cpu", "2"),
    ],
)
def test_flags_that_a_plan_decides_are_2(planned, cluster, shop, flags):
    plan = make_plan(cluster, shop)
    problem = planned("backup", "create", "--plan", plan, *flags, code=2).problem
    assert "contradict each other" in problem[0]


def test_where_movers_run_may_be_said_beside_a_plan(planned, cluster, shop):
    """Whoever tries a plan from outside may have another way to the repository than the plan's pods."""
    plan = make_plan(cluster, shop)
    flags = ("--mover-repository", "s3:https://minio.example/b", "--mover-namespace", "holdfast", "--mover-image", "x")
    planned("backup", "create", "--plan", plan, *flags, "--dry-run")


def test_a_label_that_the_plan_gives_otherwise_is_2(planned, cluster, shop):
    plan = make_plan(cluster, shop, backup={"labels": {"team": "sales"}})
    planned("backup", "create", "--plan", plan, "--label", "team=sales")
    assert (
        "contradicts the plan" in planned("backup", "create", "--plan", plan, "--label", "team=it", code=2).problem[0]
    )


@pytest.mark.parametrize("name", ["nightly", "a/b/c", "Shop/nightly", "shop/", "/nightly", "shop/nightly,x"])
def test_a_plan_is_named_with_its_namespace(connected, name):
    assert "NAMESPACE/NAME" in connected("backup", "create", "--plan", name, code=2).problem[2]


def test_a_plan_that_is_not_there_is_named(planned, shop):
    problem = planned("backup", "create", "--plan", f"{shop}/weekly", code=1).problem
    assert problem[0] == f"there is no plan {shop}/weekly"
    assert problem[2] == "List plans with `kubectl get backupplans.holdfast.dev --all-namespaces`."


def test_a_cluster_without_plans_says_so(planned, second_cluster, shop):
    elsewhere = planned.but(KUBECONFIG=second_cluster.kubeconfig)
    problem = elsewhere("backup", "create", "--plan", f"{shop}/nightly", code=1).problem
    assert "custom resources are not installed" in problem[1]


def test_an_account_that_may_not_read_plans_is_told_what_it_lacks(planned, cluster, shop):
    plan = make_plan(cluster, shop)
    poor = cluster.account("reader-without-plans", [{"apiGroups": [""], "resources": ["*"], "verbs": ["get"]}])
    problem = planned.but(KUBECONFIG=poor)("backup", "create", "--plan", plan, code=1).problem
    assert problem[2] == f"Give the account the verb get on backupplans.holdfast.dev in the namespace {shop}."


def test_a_plan_that_makes_no_sense_is_2(planned, cluster, shop):
    """With what the API server takes and we do not."""
    plan = make_plan(cluster, shop, backup={"keepFor": "1d2d"})
    assert planned("backup", "create", "--plan", plan, code=2).problem[0] == "keepFor '1d2d' is not a length of time"


def test_a_plan_that_cannot_be_read_is_2(planned, proxy, shop):
    """Its definition was changed by hand, or is another version's."""
    strange = json.dumps(plan_object(shop, backup={"type": "quick"})).encode()
    proxy.intercept = lambda request: Answer(200, strange) if "/backupplans/" in request.path else None
    problem = planned.but(KUBECONFIG=proxy.kubeconfig)("backup", "create", "--plan", f"{shop}/nightly", code=2).problem
    assert problem[0] == f"the plan {shop}/nightly makes no sense"
    assert "spec.backup.type" in problem[1]


# What is done with a plan's backups


@pytest.fixture
def nights(planned, cluster, shop):
    """`nights(count)`: so many scheduled backups; gives their names, oldest first."""
    plan = make_plan(cluster, shop, retention={"keepDaily": 2})

    def make(count):
        moments = [NIGHT + dt.timedelta(days=day) for day in range(count)]
        return plan, [
            planned.but(HOLDFAST_JOB=job(moment))("backup", "create", "--plan", plan, "-o", "json").document["name"]
            for moment in moments
        ]

    return make


def test_lists_show_plans_if_there_are_any(planned, nights, shop):
    planned("backup", "create", "-n", shop, "--name", "by-hand")
    assert "PLAN" not in planned("backup", "list").out
    plan, names = nights(1)
    lines = planned("backup", "list").out.splitlines()
    assert lines[0].endswith("PLAN")
    assert [line.split()[-1] for line in lines[1:]] == ["-", plan]
    only = planned("backup", "list", "--plan", plan, "-o", "json").document
    assert_documented("backup list", only)
    assert [entry["name"] for entry in only] == names
    assert planned("backup", "list", "--plan", "other/plan", "-o", "json").document == []


def test_a_plans_rules_come_from_the_cluster(planned, nights):
    plan, names = nights(4)
    shown = planned("backup", "forget", "--plan", plan, "--dry-run")
    assert shown.out.startswith(f"Plan {plan} of ")
    assert "daily 1 of 2" in shown.out
    planned("backup", "forget", "--plan", plan, "--yes", "--allow-many")
    # All were made on one day, whatever days they were for; while a slot is free, the oldest one takes it.
    assert [entry["name"] for entry in listed(planned)] == [names[0], names[-1]]


def test_rules_on_the_command_line_need_no_cluster(planned, nights):
    plan, names = nights(3)
    alone = planned.but(KUBECONFIG=None)
    alone("backup", "forget", "--plan", plan, "--keep-last", "2", "--yes")
    assert [entry["name"] for entry in listed(planned)] == names[-2:]
    assert "kubeconfig" in alone("backup", "forget", "--plan", plan, "--yes", code=2).err


def test_a_plan_that_would_lose_most_of_its_backups_is_left_alone(planned, nights, tmp_path):
    plan, names = nights(4)
    forget = ("backup", "forget", "--plan", plan, "--keep-last", "1")
    shown = planned(*forget, "--dry-run")
    assert "Would be refused: the rules would remove most backups of the plan" in shown.err
    document = planned(*forget, "--dry-run", "-o", "json").document
    assert_documented("backup forget", document)
    assert "--allow-many" in document["refused"]["next"]
    result = tmp_path / "result"
    problem = planned.but(HOLDFAST_RESULT_FILE=result)(*forget, "--yes", code=1).problem
    assert "3 of 4" in problem[0]
    status = json.loads(result.read_text())
    assert (status["verb"], status["reason"], status["exitCode"]) == ("backup forget", "TooManyRemovals", 1)
    assert [entry["name"] for entry in listed(planned)] == names
    planned(*forget, "--yes", "--allow-many")
    assert [entry["name"] for entry in listed(planned)] == names[-1:]


def test_latest_of_a_plan(planned, nights, shop):
    plan, names = nights(2)
    planned("backup", "create", "-n", shop, "--name", "by-hand")
    assert planned("restore", "plan", "latest", "-o", "json").document["backupName"] == "by-hand"
    of_plan = planned("restore", "plan", "latest", "--plan", plan, "-o", "json").document
    assert of_plan["backupName"] == names[-1]
    assert planned("backup", "verify", "latest", "--plan", plan, "-n", shop, "-o", "json").document["name"] == names[-1]
    restored = planned(
        "restore", "run", "latest", "--plan", plan, "--map-namespace", f"{shop}={shop}-copy", "-o", "json"
    )
    assert restored.document["name"] == names[-1]
    assert "no effect" in planned("restore", "plan", "by-hand", "--plan", plan, code=2).problem[0]
    assert "no backup fits" in planned("restore", "plan", "latest", "--plan", "other/plan", code=1).problem[1]
    assert (
        f"plan {plan}, namespace elsewhere"
        in (planned("restore", "plan", "latest", "--plan", plan, "-n", "elsewhere", code=1).problem[1])
    )

"""Programs that act on objects while they are restored, and objects that belong to several of them.

The proxy lets an operator act at the very moment that matters, between two requests for one object; and one operator
really races.
"""

import threading
from urllib.parse import urlsplit

import pytest
from tests.restore_lab import config_map, entry, eventually, obj, outcomes, owners, workload

from holdfast.errors import ApiRefused

NAMES = [f"map-{number}" for number in range(40)]


def acting(method, name, act):
    """Before the first such request for the object `name` is carried out, the operator acts."""
    turn = threading.Lock()

    def intercept(request):
        path = urlsplit(request.path).path
        about = path.endswith(f"/{name}") or (method == "POST" and f'"name":"{name}"'.encode() in request.body)
        if request.method == method and about and turn.acquire(blocking=False):
            act()

    return intercept


@pytest.fixture
def shared(lab):
    """An object of two managers: it is restored by two calls."""
    lab.make(config_map("shared"))
    return lab.patch(config_map("shared"), {"data": {"size": "small"}})


def test_operator_that_makes_the_object_first_keeps_what_it_made(lab, vault, copy, into_copy, proxy, through):
    lab.make(config_map("raced"))
    vault.back_up(lab)
    proxy.intercept = acting(
        "POST", "raced", lambda: copy.make(config_map("raced", data={"color": "mine"}), "operator")
    )

    report = vault.restore(through, **into_copy)

    found = entry(report, "configmaps", "raced")
    assert (report.outcome, found.result) == ("done", "skipped")
    assert found.why == "it appeared after the plan was made, differs, and was left alone"
    assert copy.read(config_map("raced"))["data"] == {"color": "mine"}


def test_operator_that_makes_an_equal_object_first_is_no_problem(lab, vault, copy, into_copy, proxy, through):
    lab.make(config_map("raced"), "operator")
    vault.back_up(lab)
    proxy.intercept = acting("POST", "raced", lambda: copy.make(config_map("raced"), "operator"))

    report = vault.restore(through, **into_copy)

    assert (report.outcome, outcomes(report)["configmaps", "raced"]) == ("done", "unchanged")


def test_operator_that_writes_before_fields_are_given_back_keeps_its_own(
    lab, vault, copy, into_copy, proxy, through, shared
):
    vault.back_up(lab)
    note = {"metadata": {"annotations": {"operator": "was here"}}}
    proxy.intercept = acting("PATCH", "shared", lambda: copy.patch(config_map("shared"), note, "operator"))

    report = vault.restore(through, **into_copy)

    assert (report.outcome, outcomes(report)["configmaps", "shared"]) == ("done", "created")
    now = copy.read(config_map("shared"))
    assert now["metadata"]["annotations"] == {"operator": "was here"}
    theirs, others = [], []
    for one in owners(now):
        (theirs if one["manager"] == "operator" else others).append(one)
    assert others == owners(shared)
    assert [list(one["fieldsV1"]) for one in theirs] == [["f:metadata"]]


@pytest.mark.usefixtures("shared")
def test_operator_that_deletes_what_was_just_made_is_named(lab, vault, copy, into_copy, proxy, through):
    vault.back_up(lab)
    proxy.intercept = acting("PATCH", "shared", lambda: copy.delete(config_map("shared")))

    report = vault.restore(through, **into_copy)

    made = entry(report, "configmaps", "shared")
    assert (made.result, made.why) == ("created", "it was there and is gone")
    assert report.outcome == "partial"
    assert [problem.what for problem in report.errors] == [f"configmaps/{copy.namespace}/shared did not stay"]


def test_operator_that_writes_during_an_update_is_left_alone_and_reported(lab, vault, proxy, through):
    lab.make(config_map("raced"))
    vault.back_up(lab)
    lab.patch(config_map("raced"), {"data": {"color": "red"}})
    proxy.intercept = _second_put(
        "raced", lambda: lab.patch(config_map("raced"), {"data": {"color": "green"}}, "operator")
    )

    report = vault.restore(through, on_conflict="update")

    failed = entry(report, "configmaps", "raced")
    assert (report.outcome, failed.result) == ("partial", "failed")
    assert "changed after the plan" in failed.why
    assert lab.read(config_map("raced"))["data"] == {"color": "green"}


def test_controller_that_only_reports_status_does_not_hinder_an_update(lab, vault, proxy, through):
    web = workload("Deployment", "web", replicas=0)
    lab.make(web)
    lab.settled()
    vault.back_up(lab)
    lab.patch(web, {"spec": {"minReadySeconds": 7}})
    lab.settled()
    news = {"status": {"conditions": [{"type": "Progressing", "status": "False", "reason": "Test", "message": "slow"}]}}
    reported = []
    proxy.intercept = _second_put("web", lambda: reported.append(lab.patch(web, news, "kubelet", subresource="status")))

    report = vault.restore(through, on_conflict="update")

    assert reported
    assert (report.outcome, outcomes(report)["deployments", "web"]) == ("done", "updated")
    assert "minReadySeconds" not in lab.read(web)["spec"]


def _second_put(name, act):
    """The first PUT may be the plan's dry run."""
    before_the_write = acting("PUT", name, act)
    return lambda request: None if "dryRun" in request.path else before_the_write(request)


def test_operator_that_remakes_what_is_replaced_keeps_what_it_made(lab, vault, proxy, through):
    """Between the deletion and the creation of a replacement."""
    lab.make(config_map("sealed", immutable=True))
    vault.back_up(lab)
    lab.delete(config_map("sealed"))
    black = config_map("sealed", immutable=True, data={"color": "black"})
    lab.make(black)

    def remake(request):
        if request.method == "POST" and "dryRun" not in request.path and "/configmaps" in request.path:
            proxy.intercept = lambda _request: None
            lab.make(black, "operator")

    proxy.intercept = remake

    report = vault.restore(through, on_conflict="replace")

    failed = entry(report, "configmaps", "sealed")
    assert (report.outcome, failed.result) == ("partial", "failed")
    assert "changed after the plan" in failed.why
    assert lab.read(black)["data"] == {"color": "black"}
    assert vault.restore(through, on_conflict="replace").outcome == "done"
    assert lab.read(black)["data"] == {"color": "blue"}


def test_operator_that_races_for_every_object_does_not_lose_and_nothing_is_lost(lab, vault, copy, into_copy):
    for name in NAMES:
        lab.server_side_apply(config_map(name))
        lab.patch(config_map(name), {"data": {"size": "small"}})
    vault.back_up(lab)
    lab.make(obj("v1", "Namespace", copy.namespace))
    over, failures = threading.Event(), []
    racer = threading.Thread(target=_annotate_all, args=(copy, over, failures))
    racer.start()
    try:
        report = vault.restore(lab, **into_copy)
    finally:
        over.set()
        racer.join()

    assert (report.outcome, report.errors, failures) == ("done", [], [])
    for name in NAMES:
        now, before = copy.read(config_map(name)), lab.read(config_map(name))
        assert now["data"] == before["data"]
        assert now["metadata"]["annotations"] == {"operator": "was here"}
        assert [one for one in owners(now) if one["manager"] != "operator"] == owners(before)


def _annotate_all(lab, over, failures):
    """Gives each ConfigMap an annotation as soon as it is there, again and again until all have it."""
    path = f"/api/v1/namespaces/{lab.namespace}/configmaps"
    last = False
    try:
        while not last:
            last = over.is_set()
            for one in lab.send("GET", path)["items"]:
                if one["metadata"]["name"] in NAMES and "annotations" not in one["metadata"]:
                    change = {"metadata": {"annotations": {"operator": "was here"}}}
                    lab.patch(config_map(one["metadata"]["name"]), change, "operator")
    except ApiRefused as refusal:
        failures.append(refusal)


def test_two_managers_of_one_object_go_on_applying_after_a_restore(lab, vault, copy, into_copy):
    theirs = {
        "flux": config_map("both", data={"color": "blue", "common": "yes"}),
        "argo": config_map("both", data={"size": "small", "common": "yes"}),
    }
    for manager, part in theirs.items():
        _apply(lab, part, manager)
    vault.back_up(lab)

    report = vault.restore(lab, **into_copy)

    assert report.outcome == "done"
    assert owners(copy.read(config_map("both"))) == owners(lab.read(config_map("both")))
    for manager, part in theirs.items():
        _apply(copy, part, manager)
    with pytest.raises(ApiRefused, match='conflict with "argo"'):
        _apply(copy, config_map("both", data={"size": "large"}), "flux")
    _apply(copy, config_map("both", data={"common": "yes"}), "flux")  # gives color up, and common is argo's too
    eventually(lambda: copy.read(config_map("both"))["data"] == {"size": "small", "common": "yes"}, "color is gone")


def _apply(lab, thing, manager):
    query = {"fieldManager": manager}
    lab.send("PATCH", lab.path(thing), thing, query, content_type="application/apply-patch+yaml")

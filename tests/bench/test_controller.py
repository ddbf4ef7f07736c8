"""That the controller's rows measure, on a small scale."""

from bench import controller
from bench.audit import Audit, Request, summary

SMALL = controller.Scale(namespaces=2, plans=6, changes=2, quiet=3, settling=1)


def test_the_controller_is_measured_and_writes_nothing_when_nothing_happens(tmp_path, say):
    rows = {row.id: row for row in controller.rows(tmp_path, say, SMALL)}
    assert rows["controller-change"].value > 0
    assert 10 < rows["controller-idle-memory"].value < rows["controller-create-memory"].value
    assert rows["controller-create-requests"].value >= 3
    assert "patch cronjobs" in rows["controller-create-requests"].peer
    assert rows["controller-scrape"].value > 0
    unwanted = ("controller-idle-writes", "controller-idle-many-writes", "controller-restart-writes")
    assert [rows[row].value for row in unwanted] == [0, 0, 0]


def test_the_audit_log_tells_what_was_asked_for_in_a_time(tmp_path):
    audit = Audit(tmp_path, "somebody")
    assert audit.between(0, 1e12) == []
    line = '{"verb":"%s","stageTimestamp":"2026-11-26T02:00:%02d.5Z","objectRef":{"resource":"jobs","subresource":"status"}}'
    lines = [line % ("patch", 1), line % ("get", 2), line % ("get", 3)]
    tmp_path.joinpath("audit.log").write_text("\n".join(lines))
    [patch, get] = audit.between(1795658400, 1795658403)
    assert (patch.writes, get.writes) == (True, False)
    assert patch == Request(1795658401.5, "patch", "jobs/status")
    assert summary([patch, get, get]) == "2 get jobs/status, 1 patch jobs/status"

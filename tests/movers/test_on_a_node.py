"""Movers that run. A shell stands for Holdfast in their pods: it says what a mover says, and dies as movers die."""

import os
import signal
from pathlib import Path

import pytest
from tests.movers.lab import Lab, moved, says, told, wait_for, warned

from holdfast.errors import Cancelled
from holdfast.model.run import Problem
from holdfast.operations.movers.contract import encode_line

DONE = moved(files=3, bytes=300, part="abc")
FOREVER = "trap 'exit 130' TERM; while :; do sleep 0.2; done"


def the_end(live, script, **settings):
    with live.movers(**settings) as movers:
        [end] = movers.run([live.task(script)])
    return end


def test_a_mover_says_how_far_it_is_and_what_it_did(live):
    end = the_end(live, says(told(1, 100, total_files=3, total_bytes=300), warned("slow disk"), DONE))
    assert end.moved == DONE
    assert end.problem is None
    assert (end.node, end.attempts) == ("node-1", 1)
    assert (live.progress.files, live.progress.bytes) == (3, 300)
    assert (3, 300) in live.progress.expected
    assert live.progress.warnings == ["shop/data: slow disk"]
    assert wait_for(lambda: not live.left())


def test_who_reads_cannot_write_to_the_volume(live):
    end = the_end(live, f"touch /volume/x 2>/dev/null || {{ {says(DONE)} }}")
    assert end.moved == DONE


def test_who_writes_can(live):
    with live.movers() as movers:
        [end] = movers.run([live.task(f"touch /volume/x && {{ {says(DONE)} }}", writes=True)])
    assert end.moved == DONE


def test_credentials_are_files_and_there_is_no_token(live):
    script = f"""
        test "$(cat $HOLDFAST_CREDENTIALS/password)" = correct-horse-of-movers || exit 9
        test ! -e /var/run/secrets/kubernetes.io || exit 8
        test "$HOLDFAST_CLUSTER_NAME" = here || exit 7
        touch $HOLDFAST_CACHE_DIR/x /tmp/x || exit 6
        {says(DONE)}"""
    assert the_end(live, script).moved == DONE


def test_of_many_lines_each_comes_once(live):
    script = f"""
        i=0; while [ $i -lt 3000 ]; do i=$((i+1))
            echo '{{"message":"warning","text":"line '$i'"}}'
            [ $((i % 500)) = 0 ] && sleep 1
        done
        {says(DONE)}"""
    assert the_end(live, script).moved == DONE
    assert live.progress.warnings == [f"shop/data: line {number}" for number in range(1, 3001)]


def test_movers_run_side_by_side(live):
    """Each waits until it sees the other, in a volume that both write."""
    live.claim("more")
    meet = "touch /volume/$0; until [ -e /volume/$1 ]; do sleep 0.1; done; "
    tasks = [
        live.task(claim=name, mounted_claim="data", writes=True, command=["sh", "-c", meet + says(DONE), name, other])
        for name, other in (("a", "b"), ("b", "a"))
    ]
    ended = []
    with live.movers() as movers:
        ends = movers.run(tasks, done=ended.append)
    assert [end.moved for end in ends] == [DONE, DONE]
    assert ended == ends


def test_a_mover_that_is_killed_is_tried_again(live):
    script = (
        f"[ -e /volume/tried ] && {{ {says(told(2), DONE, then='exit 0;')} }}; touch /volume/tried; {says(told(1))}"
    )
    with live.running(live.task(f"{script} exec sleep 599", writes=True)) as ends:
        wait_for(lambda: live.progress.files == 1)
        kill_process("sleep\x00599\x00")
        [end] = ends.result(120)
    assert (end.moved, end.problem, end.attempts) == (DONE, None, 2)
    assert live.progress.files == 3
    assert "exit code 137 (killed)" in live.progress.all_texts()


def kill_process(command):
    [pid] = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if command in readable(path)]
    os.kill(pid, signal.SIGKILL)


def readable(path):
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def test_a_mover_that_is_evicted_is_tried_again(live):
    script = f"[ -e /volume/tried ] && {{ {says(DONE, then='exit 0;')} }}; touch /volume/tried; "
    with live.running(live.task(script + FOREVER, writes=True)) as ends:
        pod = live.running_pod()["metadata"]["name"]
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
        live.cluster.api.request("POST", f"/api/v1/namespaces/{live.namespace}/pods/{pod}/eviction", body)
        [end] = ends.result(120)
    assert (end.moved, end.problem, end.attempts) == (DONE, None, 2)
    assert "its pod was stopped" in live.progress.all_texts()


def test_too_little_memory_is_named(live):
    end = the_end(live, "exec tail /dev/zero")
    assert end.attempts == 3
    assert end.problem.what == "shop/data was not read"
    assert "its limit of 64Mi (OOMKilled)" in end.problem.why
    assert "--mover-memory" in end.problem.next


def test_what_would_end_the_same_way_is_not_tried_again(live):
    problem = Problem("the volume is not empty", "it has files", "Add --overwrite.")
    failed = moved("failed", errors=[problem], error_count=1, reason="UsageError")
    end = the_end(live, says(failed, then="exit 2"))
    assert (end.moved, end.problem, end.attempts) == (failed, problem, 1)


def test_a_part_with_gaps_is_no_failure(live):
    partial = moved("partial", part="abc", errors=[Problem("/a", "gone", "")], error_count=1)
    end = the_end(live, says(partial, then="exit 3"))
    assert (end.moved, end.problem, end.attempts) == (partial, None, 1)


def test_a_result_that_only_the_termination_message_has_is_read(live):
    line = encode_line(DONE).decode().strip()
    assert the_end(live, f"echo '{line}' > /dev/termination-log").moved == DONE


def test_an_image_that_is_not_holdfasts_is_seen_through(live):
    end = the_end(live, "echo what is this; exit 2")
    assert end.problem.why == "its pod ended with exit code 2 and did not say why; its last words: what is this"
    end = the_end(live, "true")
    assert end.problem.why == "its pod ended without saying what it did"
    assert "--mover-image" in end.problem.next


def test_last_words_tell_no_secret(live):
    end = the_end(live, "cat $HOLDFAST_CREDENTIALS/password; echo; exit 2")
    assert end.problem.why.endswith("its last words: ***")


@pytest.mark.parametrize(
    ("image", "why"), [("testbed/none:1", "ErrImagePull"), ("testbed/none:1:2", "InvalidImageName")]
)
def test_an_image_that_is_not_there_is_named(live, image, why):
    end = the_end(live, "", image=image, patience=30)
    assert f"the image {image} of the container holdfast cannot be pulled" in end.problem.why
    assert why in end.problem.why.replace("ImagePullBackOff", "ErrImagePull")
    assert "--mover-image" in end.problem.next


def test_a_claim_that_is_not_there_is_named(live):
    with live.movers(patience=15) as movers:
        [end] = movers.run([live.task(mounted_claim="none")])
    assert 'persistentvolumeclaim "none" not found' in end.problem.why


def test_a_node_without_room_is_named(live):
    end = the_end(live, "", resources={"requests": {"cpu": "900"}}, patience=15)
    assert "Insufficient cpu" in end.problem.why


def test_who_may_not_read_logs_learns_the_result_all_the_same(live):
    weak = Lab(live.cluster, live.namespace, live.cluster.account("no-logs", RIGHTS))
    line = encode_line(DONE).decode().strip()
    end = the_end(weak, f"echo '{line}' > /dev/termination-log; {says(warned('unheard'), DONE)}")
    assert end.moved == DONE
    assert weak.progress.warnings == []
    assert "its log cannot be read" in weak.progress.all_texts()
    weak.close()


RIGHTS = [
    {"apiGroups": [""], "resources": ["pods", "events", "persistentvolumeclaims"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["namespaces", "persistentvolumes"], "verbs": ["get", "list"]},
    {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "delete"]},
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["*"]},
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["*"]},
]


def test_a_stop_leaves_no_pod(live):
    with live.running(live.task(FOREVER)) as ends:
        live.running_pod()
        live.cancel.request()
        with pytest.raises(Cancelled):
            ends.result(120)
    assert wait_for(lambda: not live.left())

"""Commands in the containers of real pods, and servers that answer otherwise."""

import hashlib
import threading
import time
from contextlib import contextmanager

import pytest
from tests.cluster.local_server import Answer, Server
from tests.cluster.severed import Severed
from tests.restore_lab import Lab, eventually, pod, unique

from holdfast.cluster import websocket
from holdfast.cluster.connection import Connection
from holdfast.cluster.execution import Input, execute
from holdfast.cluster.settings import ConnectionSettings
from holdfast.errors import ApiRefused, Cancelled, ClusterError, ClusterUnreachable
from holdfast.model.cancel import Cancel


@pytest.fixture(scope="module")
def lab(node_cluster):
    lab = Lab(node_cluster)
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def shop(lab):
    """A namespace with a running pod `busy`, which has the containers `main` and `other`."""
    shop = lab.new_namespace("exec")
    sleeping = {"image": "testbed/busybox:1", "command": ["sleep", "3600"]}
    containers = [{"name": name, **sleeping} for name in ("main", "other")]
    shop.make(pod("busy", spec={"containers": containers, "terminationGracePeriodSeconds": 0}))
    eventually(lambda: shop.read(pod("busy"))["status"]["phase"] == "Running", "the pod runs")
    return shop


def run(shop, *command, container="main", name="busy", timeout=30.0):
    return shop.cluster.execute(shop.namespace, name, command, container=container, timeout=timeout)


def test_output_errors_and_exit_code_come_back(shop):
    assert run(shop, "echo", "hello") == (0, b"hello\n", b"")
    assert run(shop, "sh", "-c", "echo out; echo err >&2; exit 7") == (7, b"out\n", b"err\n")


def test_arguments_arrive_as_they_are(shop):
    text = "a b&c=d%20 $HOME 'q' \"ü\"\n;"
    assert run(shop, "printf", "%s", text).output.decode() == text


def test_the_container_is_the_one_that_was_asked_for(shop):
    for name in ("main", "other"):
        run(shop, "sh", "-c", f"echo {name} > /tmp/who", container=name)
    assert run(shop, "cat", "/tmp/who", container="other").output == b"other\n"


def test_much_output_is_cut_and_the_exit_code_comes_all_the_same(shop):
    done = run(shop, "sh", "-c", "yes | head -c 5000000; exit 3")
    assert (done.exit_code, len(done.output)) == (3, 1 << 20)


def test_a_program_that_is_not_there_is_named(shop):
    with pytest.raises(ClusterError) as failure:
        run(shop, "nonsense")
    assert "nonsense" in failure.value.why
    assert "has this program" in failure.value.next


def test_a_pod_that_is_not_there_is_refused(shop):
    with pytest.raises(ApiRefused) as failure:
        run(shop, "true", name="nobody")
    assert failure.value.status == 404
    assert "cannot run true in the pod" in failure.value.what


def test_a_container_that_is_not_there_is_refused(shop):
    with pytest.raises(ApiRefused, match="nobody"):
        run(shop, "true", container="nobody")


def test_an_account_without_the_right_is_told_so(shop, node_cluster):
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]
    narrow = Lab(node_cluster, account=node_cluster.account(unique("narrow"), rules))
    with pytest.raises(ApiRefused) as failure:
        narrow.cluster.execute(shop.namespace, "busy", ["true"], container="main")
    assert failure.value.reason == "Forbidden"
    assert "pods/exec" in failure.value.why
    narrow.close()


def test_a_command_that_takes_too_long_is_given_up(shop):
    with pytest.raises(ClusterError, match="did not end in 1 s"):
        run(shop, "sleep", "60", timeout=1.0)


def test_a_stop_ends_the_wait(node_cluster, shop):
    cancel = Cancel()
    other = Lab(node_cluster, cancel=cancel)
    stop = threading.Timer(1.0, cancel.request)
    stop.start()
    with pytest.raises(Cancelled):
        other.cluster.execute(shop.namespace, "busy", ["sleep", "60"], container="main", timeout=50.0)
    stop.join()
    other.close()


def test_what_must_be_done_after_a_stop_can_be(node_cluster, shop):
    cancel = Cancel()
    other = Lab(node_cluster, cancel=cancel)
    cancel.request()
    apart = other.cluster.apart()
    assert apart.execute(shop.namespace, "busy", ["true"], container="main").exit_code == 0
    apart.close()
    other.close()


@pytest.mark.parametrize("times", [1, 40])
def test_one_after_the_other_leaves_no_connection_open(shop, times):
    for number in range(times):
        assert run(shop, "echo", str(number)).output == f"{number}\n".encode()


# Servers that are none


def against(answer):
    server = Server(lambda _request: answer)
    connection = Connection(ConnectionSettings(server=server.url, context="test"), cancel=Cancel())
    return server, connection


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (Answer(500, b"broken"), ApiRefused, "broken"),
        (Answer(401, b""), ApiRefused, "credential"),
        (Answer(200, b"{}"), ApiRefused, "HTTP 200"),
        (Answer(0, hang_up=True), ClusterError, "connection"),
    ],
    ids=["500", "401", "200", "hang up"],
)
def test_a_server_that_opens_no_conversation(answer, error, said):
    server, connection = against(answer)
    with pytest.raises(error) as failure:
        execute(connection, "shop", "busy", "main", ["true"], timeout=5.0)
    assert said in f"{failure.value.what} {failure.value.why}"
    connection.close()
    server.close()


def test_a_server_that_is_away():
    server, connection = against(Answer())
    server.close()
    with pytest.raises(ClusterUnreachable):
        execute(connection, "shop", "busy", "main", ["true"], timeout=5.0)


def test_names_that_are_none_go_nowhere(shop):
    with pytest.raises(ClusterError, match="no name of an object"):
        run(shop, "true", name="../secrets")


# Streams


@contextmanager
def running(shop, *command, give=None, timeout=60.0):
    """`give` are pieces of the input."""
    pieces = None if give is None else Input(sum(map(len, give)), give)
    with shop.cluster.running(
        shop.namespace, "busy", command, container="main", timeout=timeout, give=pieces
    ) as started:
        yield started


def all_of(started):
    return b"".join(iter(lambda: started.read(1 << 20), b""))


def numbers(size):
    """Bytes that differ everywhere, so that nothing can be lost, doubled or swapped unseen."""
    return b"".join(number.to_bytes(4, "big") for number in range(size // 4))


def test_megabytes_come_out_whole(shop):
    with running(shop, "sh", "-c", "seq 1 2000000; exit 5") as started:
        output = all_of(started)
        assert output == b"".join(b"%d\n" % number for number in range(1, 2000001))
        assert started.exit_code == 5


def test_megabytes_go_in_and_come_back(shop):
    data = numbers(12 << 20)
    pieces = [data[start : start + 999_999] for start in range(0, len(data), 999_999)]
    with running(shop, "cat", give=pieces) as started:
        assert all_of(started) == data
        assert started.exit_code == 0


def test_an_input_arrives_whole_at_a_command_that_says_nothing(shop):
    """Closing it instead, as kubectl does, loses what is on its way in containerd 1.6, and the command ends well."""
    data = numbers(12 << 20)
    with running(shop, "sh", "-c", "sha256sum >/tmp/sum", give=[data]) as started:
        assert started.finish() == (0, b"", b"")
    assert run(shop, "cat", "/tmp/sum").output.decode().split()[0] == hashlib.sha256(data).hexdigest()


def test_the_arguments_of_a_command_with_input_arrive_as_they_are(shop):
    words = ["a b", "$HOME", "'q'", "", "new\nline", "-c"]
    with running(shop, "printf", "<%s>", *words, give=[b"x"]) as started:
        assert started.finish().output.decode() == "".join(f"<{word}>" for word in words)


def test_an_input_ends_where_it_ends(shop):
    for give in ((), (b"",), (b"one", b"", b" two")):
        with running(shop, "cat", give=give) as started:
            assert started.finish() == (0, b"".join(give), b"")


def test_a_command_that_ends_well_before_it_has_read_all_does_not_pass_for_one_that_has(shop):
    with running(shop, "true", give=[bytes(1 << 20)] * 8) as started:
        done = started.finish()
    assert (done.exit_code, done.errors) == (65, b"it ended before it had read all of its input\n")


def test_a_command_that_reads_nothing_of_its_input_can_end(shop):
    with running(shop, "sh", "-c", "exit 4", give=[bytes(1 << 20)] * 64) as started:
        assert started.finish().exit_code == 4


def test_whoever_does_not_read_holds_the_command_up(shop):
    """Otherwise a dump that is faster than the repository fills the memory."""
    count = "i=0; while :; do head -c 1000000 /dev/zero; i=$((i+1)); echo $i >/tmp/written; done"
    with running(shop, "sh", "-c", count) as started:
        started.read(1)
        assert eventually(lambda: is_still(shop, "/tmp/written"), "the writer waits")


def is_still(shop, path):
    first = run(shop, "cat", path).output
    time.sleep(1.0)
    return first and run(shop, "cat", path).output == first


def test_an_input_that_breaks_off_is_no_good_end(shop):
    def give():
        yield b"half a "
        raise ClusterError("the backup cannot be read", why="it is damaged")

    stream = shop.cluster.running(
        shop.namespace, "busy", ["cat"], container="main", timeout=50.0, give=Input(100, give())
    )
    with pytest.raises(ClusterError, match="damaged"), stream as started:
        all_of(started)


def test_much_is_said_on_standard_error_and_little_of_it_is_kept(shop):
    with running(shop, "sh", "-c", "head -c 5000000 /dev/zero >&2; echo end") as started:
        assert all_of(started) == b"end\n"
        assert len(started.errors) == 1 << 20


def test_a_command_that_is_long_silent_is_kept_connected(shop, monkeypatch):
    monkeypatch.setattr(websocket, "_LOOKS_UNTIL_PING", 1)
    assert run(shop, "sh", "-c", "sleep 2; echo end").output == b"end\n"


def test_a_pod_that_goes_in_the_middle_leaves_no_output_that_looks_whole(shop):
    sleeping = {"name": "main", "image": "testbed/busybox:1", "command": ["sleep", "3600"]}
    shop.make(pod("brief", spec={"containers": [sleeping], "terminationGracePeriodSeconds": 0}))
    eventually(lambda: shop.read(pod("brief"))["status"]["phase"] == "Running", "the pod runs")
    stream = shop.cluster.running(shop.namespace, "brief", ["sh", "-c", "echo one; sleep 60; echo two"],
                                  container="main", timeout=50.0)  # fmt: skip
    with stream as started:
        shop.delete(pod("brief"))
        try:
            output = all_of(started)
        except ClusterError:
            return
        assert started.exit_code != 0, output


@pytest.mark.parametrize("after", [6_000, 100_000, 4_000_000])
def test_a_connection_that_breaks_in_the_middle_is_an_error(node_cluster, shop, after):
    """However much of the output is here by then."""
    with Severed(node_cluster, after) as kubeconfig_of_proxy:
        other = Lab(node_cluster, account=kubeconfig_of_proxy)
        with (
            pytest.raises((ClusterError, ClusterUnreachable)),
            other.cluster.running(
                shop.namespace, "busy", ["seq", "1", "2000000"], container="main", timeout=50.0
            ) as started,
        ):
            all_of(started)
        other.close()

"""Commands in the containers of real pods, and servers that answer otherwise."""

import threading

import pytest
from tests.cluster.local_server import Answer, Server
from tests.restore_lab import Lab, eventually, pod, unique

from holdfast.cluster.connection import Connection
from holdfast.cluster.execution import execute
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

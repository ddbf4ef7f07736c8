"""What object stores do besides keeping the contract, against the same servers as the suite."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import obstore
import pytest
from testbed.certificates import Authority

from holdfast.errors import FileExists, FileMissing, StoreRefused, StoreUnavailable, UsageError
from holdfast.model.cancel import Cancel
from holdfast.store.access import Keeping, access_to
from holdfast.store.object_errors import BucketWords
from holdfast.store.objects import NO_RETRIES, ObjectStore
from holdfast.store.retrying import RetryingStore
from holdfast.store.url import open_store
from holdfast.testing.faulty_store import Fault, FaultyStore, Script

KEYS = {"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "hunter2"}

ALL_METHODS = {
    "put": lambda store: store.put("keys/a", [b"x"]),
    "create": lambda store: store.create("keys/a", [b"x"]),
    "get": lambda store: store.get("keys/a"),
    "get_range": lambda store: store.get_range("keys/a", 0, 1),
    "get_range from the end": lambda store: store.get_range("keys/a", -1, 1),
    "size": lambda store: store.size("keys/a"),
    "list": lambda store: list(store.list("")),
    "delete": lambda store: store.delete("keys/a"),
}
methods = pytest.mark.parametrize("call", ALL_METHODS.values(), ids=ALL_METHODS)


@pytest.fixture(params=["s3_place", "minio_place", "azure_place"])
def place(request):
    return request.getfixturevalue(request.param)


# What is wrong is named


@methods
def test_a_missing_bucket_is_named(place, call):
    url = place.root.replace("holdfast-stores", "not-there") + "/prefix"
    with pytest.raises(StoreRefused, match="not-there does not exist") as caught:
        call(open_store(url, environ=place.environ))
    assert "repository URL" in caught.value.next


def test_a_missing_bucket_of_gcs_is_named_when_something_is_written(gcs_place):
    url = gcs_place.root.replace("holdfast-stores", "not-there") + "/prefix"
    with pytest.raises(StoreRefused) as caught:
        open_store(url, environ=gcs_place.environ).put("config", [b"x"])
    assert "the bucket not-there exists" in caught.value.next  # the emulator does not say what it misses


@methods
def test_a_wrong_secret_is_named_and_not_repeated(place, call):
    secrets = {"AWS_SECRET_ACCESS_KEY": "hunter2hunter2", "AZURE_ACCOUNT_KEY": "aHVudGVyMmh1bnRlcjI="}
    store = open_store(
        place.empty(), environ=place.environ | {name: secrets[name] for name in secrets if name in place.environ}
    )
    with pytest.raises(StoreRefused, match="credentials were refused") as caught:
        call(store)
    assert "AWS_SECRET_ACCESS_KEY" in caught.value.next or "AZURE_ACCOUNT_KEY" in caught.value.next
    text = "".join(traceback.format_exception(caught.value)) + caught.value.next
    assert not any(secret in text for secret in secrets.values())


@methods
@pytest.mark.parametrize("name", ["s3_place", "minio_place"])
def test_an_unknown_key_is_refused_and_no_file_is_called_missing(name, call, request):
    place = request.getfixturevalue(name)
    store = open_store(place.empty(), environ=place.environ | {"AWS_ACCESS_KEY_ID": "AKIANOBODY"})
    with pytest.raises(StoreRefused) as caught:
        call(store)
    assert "AWS_ACCESS_KEY_ID" in caught.value.next


def test_an_azure_signature_is_not_repeated(azure_place):
    environ = {name: value for name, value in azure_place.environ.items() if name != "AZURE_ACCOUNT_KEY"}
    store = open_store(azure_place.empty(), environ=environ | {"AZURE_ACCOUNT_SAS": "sv=2021-08-06&sig=hunter2"})
    with pytest.raises(StoreRefused, match="credentials were refused") as caught:
        store.get("config")
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.fixture
def nobody_listens():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@methods
def test_a_server_that_is_down_is_worth_another_try(nobody_listens, call):
    store = open_store(f"s3:http://{nobody_listens}/bucket/prefix", environ=KEYS)
    with pytest.raises(StoreUnavailable, match="cannot be reached: Connection refused") as caught:
        call(store)
    assert "port" in caught.value.next


def test_a_server_without_tls_is_named(s3_place):
    url = s3_place.empty().replace("http://", "https://")
    with pytest.raises(StoreRefused, match="does not speak TLS") as caught:
        open_store(url, environ=s3_place.environ).get("config")
    assert "http://" in caught.value.next


# Credentials and settings


@pytest.mark.parametrize(
    ("url", "environ", "variable"),
    [
        ("s3:http://127.0.0.1:1/bucket", {}, "AWS_ACCESS_KEY_ID"),
        ("azure:container:/", {}, "AZURE_ACCOUNT_NAME"),
        ("azure:container:/", {"AZURE_ACCOUNT_NAME": "a", "AZURE_ACCOUNT_KEY": "not base64!"}, "AZURE_ACCOUNT_KEY"),
        (
            "gs:bucket:/",
            {"GOOGLE_APPLICATION_CREDENTIALS": "/not/there.json"},
            "GOOGLE_APPLICATION_CREDENTIALS",
        ),
    ],
)
def test_missing_or_unusable_credentials_are_refused_before_anything_is_sent(url, environ, variable):
    with pytest.raises(StoreRefused) as caught:
        open_store(url, environ=environ)
    assert variable in caught.value.next


def test_a_profile_opens_the_bucket(s3_place, tmp_path):
    (tmp_path / "credentials").write_text(
        f"[backup]\naws_access_key_id = {s3_place.environ['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {s3_place.environ['AWS_SECRET_ACCESS_KEY']}\n"
    )
    environ = {"AWS_PROFILE": "backup", "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
    store = open_store(s3_place.empty(), environ=environ)
    store.put("config", [b"x"])
    assert store.get("config") == b"x"


def test_the_url_decides_about_the_server(s3_place, nobody_listens, monkeypatch):
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"):
        monkeypatch.setenv(name, f"http://{nobody_listens}")
    monkeypatch.setenv("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true")
    store = open_store(s3_place.empty(), environ={**os.environ, **s3_place.environ})
    store.put("config", [b"x"])
    assert store.get("config") == b"x"


@pytest.mark.parametrize(
    ("host", "environ", "region", "endpoint"),
    [
        ("s3.amazonaws.com", {}, "us-east-1", "https://s3.us-east-1.amazonaws.com"),
        ("s3.amazonaws.com", {"AWS_REGION": "eu-west-3"}, "eu-west-3", "https://s3.eu-west-3.amazonaws.com"),
        ("s3.eu-west-1.amazonaws.com", {"AWS_REGION": "us-west-2"}, "eu-west-1", "https://s3.eu-west-1.amazonaws.com"),
        ("s3-ap-south-1.amazonaws.com", {}, "ap-south-1", "https://s3-ap-south-1.amazonaws.com"),
        ("s3.cn-north-1.amazonaws.com.cn", {}, "cn-north-1", "https://s3.cn-north-1.amazonaws.com.cn"),
        ("minio.example:9000", {}, "us-east-1", "https://minio.example:9000"),
        ("minio.example:9000", {"AWS_REGION": "home"}, "home", "https://minio.example:9000"),
    ],
)
def test_the_region_comes_from_the_server_then_the_environment(host, environ, region, endpoint):
    config = open_store(f"s3:{host}/bucket", environ=KEYS | environ)._bucket.config
    assert (config["region"], config["endpoint"]) == (region, endpoint)


def test_amazon_may_be_asked_for_the_machines_own_identity():
    assert open_store("s3:s3.amazonaws.com/bucket", environ={}).url == "s3:https://s3.amazonaws.com/bucket"


def test_the_url_has_its_canonical_spelling(place):
    url = place.empty()
    assert open_store(url, environ=place.environ).url == url


# Prefixes and other people's files


def test_two_prefixes_of_one_bucket_are_two_stores(place):
    url = place.empty()
    one, two, inner = (open_store(f"{url}{ending}", environ=place.environ) for ending in ("/p", "/p2", "/p/inner"))
    for number, store in enumerate((one, two, inner)):
        store.put("config", [b"%d" % number])
    assert [store.get("config") for store in (one, two, inner)] == [b"0", b"1", b"2"]
    assert [file.name for file in two.list("")] == ["config"]
    assert sorted(file.name for file in one.list("")) == ["config", "inner/config"]


def test_a_bucket_without_prefix_works(s3_server):
    s3_server.create_bucket("whole-bucket")
    store = open_store(f"s3:{s3_server.url}/whole-bucket", environ=s3_server.environment)
    store.put("data/00/x", [b"x"])
    assert [file.name for file in store.list("data")] == ["data/00/x"]


def test_files_whose_names_no_store_takes_are_not_listed(place):
    store = open_store(place.empty(), environ=place.environ)
    store.put("config", [b"x"])
    obstore.put(store._bucket, "read me.txt", b"x")
    assert [file.name for file in store.list("")] == ["config"]


def test_a_file_larger_than_one_request_is_uploaded_in_parts(place):
    store = open_store(place.empty(), environ=place.environ)
    parts = [bytes([number]) * (1024 * 1024) for number in range(65)]
    store.put("data/00/large", parts)
    assert store.size("data/00/large") == 65 * 1024 * 1024
    assert store.get_range("data/00/large", 1024 * 1024 - 1, 2) == b"\0\1"
    assert store.get_range("data/00/large", -1, 1) == bytes([64])


def test_create_survives_a_lost_answer(place):
    lost = FaultyStore(open_store(place.empty(), environ=place.environ), Script(Fault("after", "create")))
    store = RetryingStore(lost, cancel=Cancel(), sleep=lambda _: None)
    store.create("locks/one", [b"mine"])
    assert store.get("locks/one") == b"mine"
    with pytest.raises(FileExists):
        store.create("locks/one", [b"hers"])


# restic reads the URL alike


@pytest.mark.parametrize("name", ["s3_place", "minio_place", "gcs_place", "local"])
def test_restic_and_holdfast_find_each_others_files_by_the_same_url(name, request, restic_new, tmp_path):
    if name == "local":
        url, environ = str(tmp_path / "repository"), {}
    else:
        place = request.getfixturevalue(name)
        url, environ = place.empty(), place.environ
    restic_environ = environ | {"RESTIC_PASSWORD": "x", "HOME": str(tmp_path), "GOOGLE_PROJECT_ID": "x"}
    if name == "gcs_place":
        # restic speaks the emulator's own language, and wants a token for it.
        gcs_server = request.getfixturevalue("gcs_server")
        restic_environ |= {"STORAGE_EMULATOR_HOST": gcs_server.url, "GOOGLE_ACCESS_TOKEN": "x"}

    def run(*arguments):
        command = [restic_new, "--repo", url, "--no-cache", *arguments]
        return subprocess.run(command, env=restic_environ, check=True, capture_output=True, text=True).stdout

    run("init")
    store = open_store(url, environ=environ)
    [key] = list(store.list("keys"))
    assert {file.name for file in store.list("")} == {"config", key.name}

    copied = {file.name: store.get(file.name) for file in store.list("")}
    for file in copied:
        store.delete(file)
    for file, content in copied.items():
        store.create(file, [content])
    run("backup", __file__)
    assert len(list(store.list("snapshots"))) == 1
    assert "no errors were found" in run("check", "--read-data")


# A server that answers as it is told


class Scripted(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10
    answer = (404, "NoSuchKey", b"")

    def _reply(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, code, body = self.answer
        body = body or f"<Error><Code>{code}</Code><Message>said &amp; done.\nmore</Message></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) + (1000 if code == "cut off" else 0)))
        self.send_header("Last-Modified", "Mon, 23 Nov 2026 05:00:00 GMT")
        self.send_header("ETag", '"x"')
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = code == "cut off"

    do_GET = do_PUT = do_DELETE = _reply  # noqa: N815 - the library's names

    def log_message(self, *_): ...


@pytest.fixture
def scripted():
    """Starts a server with one answer for everything; gives its host and port."""
    running = []

    def start(status, code="", body=b"", context=None):
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Told", (Scripted,), {"answer": (status, code, body)}))
        server.handle_error = lambda *_: None  # clients that dislike a certificate hang up
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        running.append((server, thread))
        return f"127.0.0.1:{server.server_port}"

    yield start
    for server, thread in running:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("status", "code", "expected", "hint"),
    [
        (503, "SlowDown", StoreUnavailable, ""),
        (500, "InternalError", StoreUnavailable, ""),
        (502, "BadGateway", StoreUnavailable, ""),
        (429, "TooManyRequests", StoreUnavailable, ""),
        (400, "RequestTimeout", StoreUnavailable, ""),
        (409, "ConditionalRequestConflict", StoreUnavailable, ""),
        (409, "OperationAborted", StoreUnavailable, ""),
        (412, "PreconditionFailed", FileExists, ""),
        (403, "AccessDenied", StoreRefused, "AWS_ACCESS_KEY_ID"),
        (403, "RequestTimeTooSkewed", StoreRefused, "clock"),
        (400, "ExpiredToken", StoreRefused, "AWS_ACCESS_KEY_ID"),
        (401, "Unauthorized", StoreRefused, "AWS_ACCESS_KEY_ID"),
        (301, "PermanentRedirect", StoreRefused, "AWS_REGION"),
        (400, "AuthorizationHeaderMalformed", StoreRefused, "AWS_REGION"),
        (404, "NoSuchBucket", StoreRefused, "Create it"),
        (507, "XMinioStorageFull", StoreRefused, "full"),
        (501, "NotImplemented", StoreRefused, ""),
        (400, "InvalidRequest", StoreRefused, ""),
    ],
)
def test_a_servers_answer_to_create_becomes_the_right_error(scripted, status, code, expected, hint):
    store = open_store(f"s3:http://{scripted(status, code)}/bucket", environ=KEYS)
    with pytest.raises(expected) as caught:
        store.create("locks/one", [b"x"])
    assert hint in caught.value.next
    if expected is not FileExists and code not in {"NoSuchBucket", "PermanentRedirect"}:
        assert f"{code}: said & done" in str(caught.value)
        assert "more" not in str(caught.value)


def test_http_at_a_tls_port_is_named(scripted):
    host = scripted(400, body=b"Client sent an HTTP request to an HTTPS server.\n")
    with pytest.raises(StoreRefused, match="wants TLS") as caught:
        open_store(f"s3:http://{host}/bucket", environ=KEYS).get("config")
    assert "https://" in caught.value.next


def test_an_answer_that_breaks_off_is_worth_another_try(scripted):
    store = open_store(f"s3:http://{scripted(200, 'cut off', b'half')}/bucket", environ=KEYS)
    with pytest.raises(StoreUnavailable):
        store.get("config")


def test_a_server_that_does_not_answer_in_time_is_worth_another_try():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        bucket = obstore.store.S3Store(
            "bucket",
            config={
                "endpoint": f"http://127.0.0.1:{silent.getsockname()[1]}",
                "access_key_id": "x",
                "secret_access_key": "x",
            },
            client_options={"allow_http": True, "timeout": "100ms"},
            retry_config=NO_RETRIES,
        )
        store = ObjectStore(bucket, BucketWords("the bucket", "Check."), url="s3:test")
        with pytest.raises(StoreUnavailable, match="no answer in time"):
            store.put("config", [b"x"])


def test_a_proxy_of_the_environment_is_used(scripted, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://{scripted(404, 'NoSuchKey')}")
    for name in ("NO_PROXY", "no_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(FileMissing):
        open_store("s3:http://behind-the-proxy.invalid/bucket", environ=KEYS).get("config")


# The environment of the process, which obstore reads by itself


def test_what_the_given_environment_leaves_out_is_not_used(s3_place, monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of somebody else")
    store = open_store(s3_place.empty(), environ=s3_place.environ)
    store.put("config", [b"content"])
    assert store.get("config") == b"content"
    assert os.environ["AWS_SESSION_TOKEN"] == "of somebody else"


def test_a_google_account_may_be_given_as_it_stands_in_a_secret():
    incomplete = {"GOOGLE_APPLICATION_CREDENTIALS": '{"type": "service_account", "private_key": "hunter2"}'}
    with pytest.raises(StoreRefused) as caught:
        open_store("gs:bucket:/", environ=incomplete)
    assert "missing field `private_key_id`" in caught.value.why
    assert "hunter2" not in caught.value.why


# Private certificate authorities


@pytest.fixture(scope="module")
def authority():
    return Authority("private")


@pytest.fixture
def tls_server(authority, scripted, tmp_path):
    """The URL of a bucket behind a certificate of `authority`, in which every file is missing."""
    signed = authority.server(["localhost"], [])
    (tmp_path / "server.pem").write_bytes(signed.certificate + signed.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    host = scripted(404, "NoSuchKey", context=context)
    return f"s3:https://{host.replace('127.0.0.1', 'localhost')}/bucket"


@pytest.fixture
def cacert(authority, tmp_path):
    path = tmp_path / "authority.pem"
    path.write_bytes(b"Any text may stand here.\n" + Authority("another").certificate + authority.certificate)
    return path


def test_a_private_authority_is_not_trusted_by_itself(tls_server):
    with pytest.raises(StoreRefused, match=r"not trusted \(UnknownIssuer\)") as caught:
        open_store(tls_server, environ=KEYS).get("config")
    assert "--store-cacert" in caught.value.next


def test_a_private_authority_is_trusted_when_it_is_given(tls_server, cacert):
    with pytest.raises(FileMissing):
        open_store(tls_server, cacert=cacert, environ=KEYS).get("config")


def test_its_certificates_may_be_given_as_they_stand_in_a_secret(tls_server, cacert):
    with pytest.raises(FileMissing):
        open_store(tls_server, cacert=cacert.read_bytes(), environ=KEYS).get("config")
    with pytest.raises(UsageError, match=r"given as ca\.crt cannot be used"):
        open_store(tls_server, cacert=b"none", environ=KEYS)


def test_what_asks_for_settings_of_a_bucket_trusts_it_too(tls_server, cacert):
    store = open_store(tls_server, cacert=cacert, environ=KEYS)
    access = access_to(tls_server, store, certificates=cacert, environ=KEYS)
    assert access.versioning("") == Keeping("unknown", "the bucket does not say (NoSuchKey)")
    distrustful = access_to(tls_server, store, environ=KEYS)
    with pytest.raises(StoreUnavailable, match="certificate verify failed"):
        distrustful.object_lock()


def test_a_certificate_for_another_name_is_not_trusted(tls_server, cacert):
    with pytest.raises(StoreRefused, match="not trusted") as caught:
        open_store(tls_server.replace("localhost", "127.0.0.1"), cacert=cacert, environ=KEYS).get("config")
    assert "as its certificate does" in caught.value.next


@pytest.mark.parametrize(
    "content",
    [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
    ids=["missing", "empty", "text", "broken"],
)
@pytest.mark.parametrize(
    ("url", "environ"),
    [
        ("s3:https://127.0.0.1:1/bucket", KEYS),
        ("gs:bucket:/", {"GOOGLE_ACCESS_TOKEN": "x"}),
        ("azure:container:/", {"AZURE_ACCOUNT_NAME": "a", "AZURE_ACCOUNT_KEY": "aaaa"}),
    ],
)
def test_an_unusable_certificate_file_is_a_usage_error(url, environ, content, tmp_path):
    path = tmp_path / "authority.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"authority\.pem") as caught:
        open_store(url, cacert=path, environ=environ)
    assert "--store-cacert" in caught.value.next


# The library


def test_obstore_has_no_errors_that_are_not_mapped():
    known = {
        "AlreadyExistsError",
        "BaseError",
        "GenericError",
        "InvalidPathError",
        "JoinError",
        "NotFoundError",
        "NotModifiedError",
        "NotSupportedError",
        "PermissionDeniedError",
        "PreconditionError",
        "UnauthenticatedError",
        "UnknownConfigurationKeyError",
    }
    assert {name for name in dir(obstore.exceptions) if name.endswith("Error")} == known

"""Which locations may be used from where: a table of attempts to get at another namespace's repository."""

import pytest

from holdfast.api.metadata import Metadata
from holdfast.api.storage_location import StorageLocation, StorageLocationSpec
from holdfast.controller.allowed_locations import refused_location, refused_reference

HOME = "holdfast"


def location(namespace, name, url="s3:https://minio.example/backups"):
    return StorageLocation(
        metadata=Metadata(namespace=namespace, name=name), spec=StorageLocationSpec(url=url, secret="login")
    )


def refusal(url, homes_url):
    """Why, or ""."""
    mine = location("team", "mine", url)
    problem = refused_location(mine, [mine, location(HOME, "main", homes_url)], HOME)
    assert problem is None or all((problem.what, problem.why, problem.next))
    return problem.why if problem else ""


# One repository in other spellings: (what a tenant writes, what Holdfast's namespace has)
SAME = {
    "the same": ("s3:https://minio.example/backups/main", "s3:https://minio.example/backups/main"),
    "inside": ("s3:https://minio.example/backups/main/team", "s3:https://minio.example/backups/main"),
    "around": ("s3:https://minio.example/backups", "s3:https://minio.example/backups/main"),
    "slash at the end": ("s3:https://minio.example/backups/main/", "s3:https://minio.example/backups/main"),
    "doubled slashes": ("s3:https://minio.example/backups//main", "s3:https://minio.example/backups/main"),
    "a dot": ("s3:https://minio.example/backups/./main", "s3:https://minio.example/backups/main"),
    "default port": ("s3:https://minio.example:443/backups", "s3:https://minio.example/backups"),
    "default port on the other side": ("s3:https://minio.example/backups", "s3:https://minio.example:443/backups"),
    "zeros before a port": ("s3:http://minio.example:09000/backups", "s3:http://minio.example:9000/backups"),
    "without TLS": ("s3:http://minio.example/backups", "s3:https://minio.example/backups"),
    "without a scheme": ("s3:minio.example/backups", "s3:https://minio.example/backups"),
    "with slashes for a scheme": ("s3://minio.example/backups", "s3:https://minio.example/backups"),
    "case of the server": ("s3:https://MinIO.Example/backups", "s3:https://minio.example/backups"),
    "case of the bucket": ("s3:https://minio.example/Backups", "s3:https://minio.example/backups"),
    "bucket in the server's name": ("s3:https://backups.minio.example/main/x", "s3:https://minio.example/backups/main"),
    "the same, the other way round": ("s3:https://minio.example/backups/main", "s3:https://backups.minio.example/main/x"),
    "bucket in Amazon's name": ("s3:https://backups.s3.amazonaws.com/main/x", "s3:s3.amazonaws.com/backups/main"),
    "a bucket with dots": ("s3:https://a.b.s3.eu-west-1.amazonaws.com/main/x", "s3:s3.amazonaws.com/a.b/main"),
    "Amazon's regions": ("s3:https://s3.eu-west-1.amazonaws.com/backups", "s3:s3.amazonaws.com/backups"),
    "Amazon's old regions": ("s3:https://s3-eu-west-1.amazonaws.com/backups", "s3:s3.amazonaws.com/backups"),
    "Amazon's dual stack": ("s3:https://s3.dualstack.us-west-2.amazonaws.com/backups", "s3:s3.amazonaws.com/backups"),
    "Amazon's acceleration": ("s3:https://backups.s3-accelerate.amazonaws.com/main/b", "s3:s3.amazonaws.com/backups"),
    "Amazon in China": ("s3:https://s3.cn-north-1.amazonaws.com.cn/backups", "s3:https://s3.cn-north-1.amazonaws.com.cn/backups/a"),
    "a Service's long name": ("s3:http://minio.store.svc.cluster.local:9000/backups", "s3:http://minio.store:9000/backups"),
    "a Service's middle name": ("s3:http://minio.store.svc:9000/backups", "s3:http://minio.store.svc.cluster.local:9000/backups"),
    "a short address": ("s3:http://127.1:9000/backups", "s3:http://127.0.0.1:9000/backups"),
    "an address as a number": ("s3:http://2130706433:9000/backups", "s3:http://127.0.0.1:9000/backups"),
    "an address in hexadecimal": ("s3:http://0x7f.0.0.1:9000/backups", "s3:http://127.0.0.1:9000/backups"),
    "a long IPv6 address": ("s3:http://[fd00:0:0:0:0:0:0:1]:9000/backups", "s3:http://[fd00::1]:9000/backups"),
    "an IPv4 address in IPv6": ("s3:http://[::ffff:10.0.0.7]/backups", "s3:http://10.0.0.7/backups"),
    "IPv6 with a default port": ("s3:https://[fd00::1]:443/backups", "s3:https://[fd00::1]/backups"),
    "Google's other spelling": ("gs://backups/main", "gs:backups:/main"),
    "Google's, the bucket alone": ("gs:backups:", "gs:backups:/main"),
    "Google by way of S3": ("s3:https://storage.googleapis.com/backups/main", "gs:backups:/main"),
    "Google by way of S3, bucket first": ("s3:https://backups.storage.googleapis.com/main/x", "gs:backups:/main"),
    "Azure's other spelling": ("azure://backups/main/", "azure:backups:/main"),
    "a directory": ("/srv/backups/", "local:/srv/backups"),
    "a directory by dots": ("/srv/other/../backups", "/srv/backups"),
    "a directory, relative": ("../srv/backups", "/srv/backups"),
    "a directory around": ("/", "/srv/backups"),
}  # fmt: skip

# Not URLs of a repository at all, or escapes that nobody writes who means well
UNREADABLE = {
    "escaped letters": "s3:https://minio.example/%62ackups",
    "an escaped slash": "s3:https://minio.example/team%2Fbackups",
    "up from a prefix": "s3:https://minio.example/team/../backups",
    "a user before the server": "s3:https://minio.example@other.example/backups",
    "a query": "s3:https://minio.example/backups?x=y",
    "a backslash": "s3:https://minio.example\\@other/backups",
    "a line break": "s3:https://other.example/x\nhttps://minio.example/backups",
    "no bucket": "s3:https://minio.example",
    "a letter that looks like another": "s3:https://mіnio.example/backups",
    "a final dot": "s3:https://minio.example./backups",
    "rclone": "rclone:minio:backups",
    "nothing": " ",
}

# A tenant's own
OTHERS = {
    "another bucket": ("s3:https://minio.example/team", "s3:https://minio.example/backups"),
    "a prefix beside": ("s3:https://minio.example/backups/team", "s3:https://minio.example/backups/main"),
    "a longer name": ("s3:https://minio.example/backups-team", "s3:https://minio.example/backups"),
    "a longer prefix": ("s3:https://minio.example/backups/main2", "s3:https://minio.example/backups/main"),
    "another server": ("s3:https://other.example/backups", "s3:https://minio.example/backups"),
    "another port": ("s3:http://10.0.0.7:9001/backups", "s3:http://10.0.0.7:9000/backups"),
    "case of a prefix": ("s3:https://minio.example/backups/Main", "s3:https://minio.example/backups/main"),
    "another kind of store": ("azure:backups:/main", "gs:backups:/main"),
    "another directory": ("/srv/team", "/srv/backups"),
    "a bucket in the server's name": ("s3:https://team.minio.example/main", "s3:https://minio.example/backups"),
}


def named(cases):
    return [pytest.param(*(case if isinstance(case, tuple) else (case,)), id=name) for name, case in cases.items()]


@pytest.mark.parametrize(("url", "homes_url"), named(SAME))
def test_another_spelling_does_not_lead_to_holdfasts_repository(url, homes_url):
    assert "belongs to Holdfast's namespace" in refusal(url, homes_url)
    assert "belongs to Holdfast's namespace" in refusal(homes_url, url)


@pytest.mark.parametrize("url", named(UNREADABLE))
def test_a_url_that_cannot_be_read_is_refused(url):
    assert "not one of a repository" in refusal(url, "s3:https://minio.example/backups")


@pytest.mark.parametrize(("url", "homes_url"), named(OTHERS))
def test_a_repository_of_ones_own_is_allowed(url, homes_url):
    assert refusal(url, homes_url) == ""


def test_what_holdfasts_namespace_has_is_its_own():
    main = location(HOME, "main")
    assert refused_location(main, [main, location(HOME, "second"), location("team", "main")], HOME) is None


def test_a_url_of_holdfasts_that_cannot_be_read_hides_no_other():
    broken, main = location(HOME, "a", "nonsense:x"), location(HOME, "main")
    assert refused_location(location("team", "mine"), [broken, main], HOME)


def test_two_tenants_may_share_a_repository():
    assert refused_location(location("team", "a"), [location("other", "a"), location("team", "a")], HOME) is None


def test_a_refusal_does_not_tell_a_tenant_which_locations_there_are():
    hidden = location(HOME, "crown-jewels", "s3:https://minio.example/team/very/secret")
    problem = refused_location(location("team", "mine", "s3:https://minio.example/team"), [hidden], HOME)
    assert not [word for word in ("crown-jewels", "very", "secret") if word in f"{problem}"]


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("team", "holdfast/main"),
        ("team", "other/main"),
        ("team", "team/mine"),  # who reads it should not have to know that this is the same
        ("team", "/main"),
        ("team", "team/../holdfast/main"),
        ("holdfast", "team/mine"),  # an administrator's plan does not use a tenant's password
    ],
)
def test_no_location_is_named_with_a_namespace(namespace, name):
    known = [location(HOME, "main"), location("other", "main"), location("team", "mine")]
    problem = refused_reference(namespace, name, known, HOME)
    assert name in problem.what
    assert problem.why
    assert problem.next


def test_a_location_of_holdfasts_namespace_alone_is_not_for_tenants():
    problem = refused_reference("team", "main", [location(HOME, "main")], HOME)
    assert "holdfast" in problem.why
    assert refused_reference(HOME, "main", [location(HOME, "main")], HOME) is None


def test_a_location_of_ones_own_hides_one_of_the_same_name():
    assert refused_reference("team", "main", [location(HOME, "main"), location("team", "main")], HOME) is None


def test_a_location_that_nobody_has_is_missing_not_forbidden():
    assert refused_reference("team", "main", [location("other", "main")], HOME) is None

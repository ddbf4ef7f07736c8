import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import UsageError
from holdfast.objects.images import ImageMap, parse_images

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64


@pytest.mark.parametrize(
    ("rule", "image", "expected"),
    [
        # a registry
        ("old.io=new.io", "old.io/team/app:1", "new.io/team/app:1"),
        ("old.io=new.io/mirror", "old.io/app", "new.io/mirror/app"),
        ("old.io:5000=new.io", "old.io:5000/app:1", "new.io/app:1"),
        ("localhost:5000=new.io", "localhost:5000/app", "new.io/app"),
        ("old.io=new.io", "old.io.evil.com/app:1", "old.io.evil.com/app:1"),
        ("old.io=new.io", "other.io/old.io/app", "other.io/old.io/app"),
        # a path, on its borders
        ("old.io/team=new.io/group", "old.io/team/app:1", "new.io/group/app:1"),
        ("old.io/team=new.io/group", "old.io/teams/app:1", "old.io/teams/app:1"),
        # a repository, with what it has
        ("old.io/app=new.io/app", f"old.io/app:1@{DIGEST}", f"new.io/app:1@{DIGEST}"),
        ("old.io/app=new.io/app:2", f"old.io/app:1@{DIGEST}", "new.io/app:2"),
        (f"old.io/app=new.io/app@{OTHER}", f"old.io/app:1@{DIGEST}", f"new.io/app@{OTHER}"),
        # one image
        ("old.io/app:1=new.io/app:2", "old.io/app:1", "new.io/app:2"),
        ("old.io/app:1=new.io/app", "old.io/app:1", "new.io/app:1"),
        ("old.io/app:1=new.io/app:2", "old.io/app:3", "old.io/app:3"),
        ("old.io/app:1=new.io/app:2", "old.io/app/sub:1", "old.io/app/sub:1"),
        (f"old.io/app@{DIGEST}=new.io/app", f"old.io/app@{DIGEST}", f"new.io/app@{DIGEST}"),
        # what runtimes add
        ("docker.io=mirror.io/hub", "nginx:1", "mirror.io/hub/library/nginx:1"),
        ("docker.io=mirror.io/hub", "team/app", "mirror.io/hub/team/app"),
        ("nginx=mirror.io/nginx", "docker.io/library/nginx:1", "mirror.io/nginx:1"),
        ("nginx:5000=mirror.io/nginx", "nginx:5000", "mirror.io/nginx:5000"),
        ("docker.io/library/nginx=mirror.io/nginx", "nginx", "mirror.io/nginx"),
        ("team=other", "team/app:1", "other/app:1"),
        # not a reference at all
        ("old.io=new.io", "", ""),
        ("old.io=new.io", "$(IMAGE)", "$(IMAGE)"),
    ],
)
def test_rule(rule, image, expected):
    assert parse_images([rule])[image] == expected


def test_longest_rule_decides_and_is_applied_once():
    images = parse_images(["old.io=new.io", "old.io/team=old.io/other", "old.io/team/app:1=exact.io/app"])

    assert images["old.io/a:1"] == "new.io/a:1"
    assert images["old.io/team/b:1"] == "old.io/other/b:1"
    assert images["old.io/team/app:1"] == "exact.io/app:1"


def test_map_without_rules_changes_nothing():
    assert not ImageMap()
    assert ImageMap()["nginx"] == "nginx"


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (["nginx"], "should read OLD=NEW"),
        (["=new.io"], "is not a registry"),
        (["old.io="], "is not a registry"),
        (["old.io=New/App"], "is not a registry"),
        (["old.io/=new.io"], "is not a registry"),
        (["old io=new.io"], "is not a registry"),
        (["old.io=new.io=x"], "is not a registry"),
        (["old.io/app:=new.io/app"], "ends without its tag"),
        (["old.io/app@=new.io/app"], "ends without its tag"),
        (["old.io/app:-x=new.io/app"], "tag or digest that no image can have"),
        (["old.io/app@sha256:12=new.io/app"], "tag or digest that no image can have"),
        (["old.io=new.io/app:1"], "all its images would become one"),
        (["a=b", "a=c"], "cannot become both b and c"),
    ],
)
def test_impossible_rules_are_refused(values, why):
    with pytest.raises(UsageError, match=why) as error:
        parse_images(values)
    assert "--map-image" in error.value.next


@given(st.text("ab.:/@=-_A5[] ", max_size=12))
def test_any_text_is_a_rule_or_a_usage_error(text):
    try:
        images = parse_images([text])
    except UsageError:
        return
    for image in ("nginx", "a/b:5", "old.io/app@" + DIGEST):
        assert isinstance(images[image], str)

from __future__ import annotations

import pytest

from holdfast.errors import StoreRefused
from holdfast.store.aws_credentials import aws_settings

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "env-secret"}


@pytest.fixture
def home(tmp_path):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text(
        "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = default%secret\n"
        "[work]\naws_access_key_id=AKIAWORK\naws_secret_access_key=work-secret\naws_session_token=work-token\n"
    )
    (tmp_path / ".aws/config").write_text(
        "[default]\nregion = eu-central-1\ns3 =\n  max_concurrent_requests = 20\n"
        "[profile work]\nregion = eu-west-3\n"
        "[profile role]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = default\n"
        "[profile single]\nsso_session = main\n[profile command]\ncredential_process = /bin/x\n[sso-session main]\n"
    )
    return tmp_path


def settings(home=None, *, instance_metadata=False, **environ):
    environ |= {"HOME": str(home)} if home else {}
    return aws_settings(environ, instance_metadata=instance_metadata)


def test_the_environment_comes_first(home):
    found = settings(home, **KEYS, AWS_SESSION_TOKEN="env-token", AWS_REGION="ap-south-1")
    assert found == {
        "access_key_id": "AKIAENV",
        "secret_access_key": "env-secret",
        "session_token": "env-token",
        "region": "ap-south-1",
    }


def test_the_default_profile_is_read(home):
    assert settings(home) == {
        "access_key_id": "AKIADEFAULT",
        "secret_access_key": "default%secret",
        "region": "eu-central-1",
    }


def test_a_named_profile_is_read(home):
    assert settings(home, AWS_PROFILE="work") == {
        "access_key_id": "AKIAWORK",
        "secret_access_key": "work-secret",
        "session_token": "work-token",
        "region": "eu-west-3",
    }


def test_a_profiles_region_serves_the_environments_keys_too(home):
    assert settings(home, **KEYS, AWS_PROFILE="work")["region"] == "eu-west-3"


def test_aws_default_region_is_the_second_choice(home):
    assert settings(home, AWS_DEFAULT_REGION="sa-east-1")["region"] == "sa-east-1"
    assert settings(home, AWS_REGION="us-west-2", AWS_DEFAULT_REGION="sa-east-1")["region"] == "us-west-2"


def test_the_files_may_be_elsewhere(home, tmp_path):
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id=AKIAELSE\naws_secret_access_key=x\n")
    (tmp_path / "config").write_text("[default]\nregion=eu-north-1\n")
    found = settings(home, AWS_SHARED_CREDENTIALS_FILE=f"{tmp_path}/credentials", AWS_CONFIG_FILE=f"{tmp_path}/config")
    assert (found["access_key_id"], found["region"]) == ("AKIAELSE", "eu-north-1")


def test_a_pods_web_identity_is_left_to_obstore():
    found = settings(AWS_WEB_IDENTITY_TOKEN_FILE="/var/run/token", AWS_ROLE_ARN="arn:aws:iam::1:role/x")
    assert found == {"web_identity_token_file": "/var/run/token", "role_arn": "arn:aws:iam::1:role/x"}


def test_a_pods_container_credentials_are_left_to_obstore():
    found = settings(
        AWS_CONTAINER_CREDENTIALS_FULL_URI="http://169.254.170.23/v1/credentials",
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="/var/run/token",
    )
    assert found == {
        "container_credentials_full_uri": "http://169.254.170.23/v1/credentials",
        "container_authorization_token_file": "/var/run/token",
    }


def test_instance_metadata_is_left_to_obstore():
    assert settings(instance_metadata=True) == {}


@pytest.mark.parametrize(("instance_metadata", "environ"), [(False, {}), (True, {"AWS_EC2_METADATA_DISABLED": "true"})])
def test_no_credentials_at_all_are_refused_at_once(instance_metadata, environ):
    with pytest.raises(StoreRefused, match="no credentials") as caught:
        settings(instance_metadata=instance_metadata, **environ)
    assert "AWS_ACCESS_KEY_ID" in caught.value.next


@pytest.mark.parametrize("name", KEYS)
def test_half_a_pair_is_refused(name):
    [missing] = KEYS.keys() - {name}
    with pytest.raises(StoreRefused, match=f"{missing} is not set"):
        settings(**{name: "value"})


def test_an_unknown_profile_is_refused(home):
    with pytest.raises(StoreRefused, match="no AWS profile nobody"):
        settings(home, AWS_PROFILE="nobody")


@pytest.mark.parametrize(
    ("profile", "kind"), [("role", "role_arn"), ("single", "sso_session"), ("command", "credential_process")]
)
def test_a_profile_that_points_elsewhere_is_refused_with_a_way_around(home, profile, kind):
    with pytest.raises(StoreRefused, match=kind) as caught:
        settings(home, AWS_PROFILE=profile)
    assert f"--profile {profile}" in caught.value.next


@pytest.mark.parametrize("text", ["no section\naws_secret_access_key = hunter2", "[default]\nhunter2\n", "\xff\xfe"])
def test_a_broken_file_is_named_and_not_quoted(home, text):
    (home / ".aws/credentials").write_bytes(text.encode("latin-1"))
    with pytest.raises(StoreRefused, match=r"\.aws/credentials") as caught:
        settings(home)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__

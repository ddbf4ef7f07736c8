"""Amazon's credentials and region, looked up in the order of Amazon's own tools: environment, profile, pod, instance.

obstore knows the sources that need requests (web identity, container and instance credentials) and renews what they give;
it reads no profile files, so those are read here. Profiles that point elsewhere (`role_arn`, `sso_session`,
`credential_process`) are refused with a way around, not half-done.
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path

from holdfast.errors import StoreRefused

# Each environment variable of a source that obstore asks by itself, and obstore's name for it.
_WEB_IDENTITY = {
    "AWS_WEB_IDENTITY_TOKEN_FILE": "web_identity_token_file",
    "AWS_ROLE_ARN": "role_arn",
    "AWS_ROLE_SESSION_NAME": "role_session_name",
}
_CONTAINER = {
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "container_credentials_relative_uri",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "container_credentials_full_uri",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "container_authorization_token_file",
}
_POINTING_ELSEWHERE = ("role_arn", "sso_session", "sso_start_url", "credential_process")


def aws_settings(environ: Mapping[str, str], *, instance_metadata: bool) -> dict[str, str]:
    """The settings of obstore for credentials and, where one is named, `region`.

    With `instance_metadata`, finding no credentials is left to obstore, which then asks the machine's metadata service.
    Raises StoreRefused for credentials that are missing, incomplete or of an unsupported kind; its text names files and
    variables, never their content.
    """
    profile = _profile(environ)
    settings = _from_environment(environ) or _from_profile(profile, environ)
    settings = settings or _named(environ, _WEB_IDENTITY, "AWS_WEB_IDENTITY_TOKEN_FILE")
    settings = settings or _named(environ, _CONTAINER, "AWS_CONTAINER_CREDENTIALS_FULL_URI")
    settings = settings or _named(environ, _CONTAINER, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    if not settings and (not instance_metadata or environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"):
        raise StoreRefused(
            "there are no credentials for S3",
            why="neither the environment nor a profile has any",
            next="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.",
        )
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or profile.get("region")
    return settings | ({"region": region} if region else {})


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    key = environ.get("AWS_ACCESS_KEY_ID")
    secret = environ.get("AWS_SECRET_ACCESS_KEY")
    if bool(key) != bool(secret):
        raise StoreRefused(
            "the credentials for S3 are incomplete",
            why=f"{'AWS_SECRET_ACCESS_KEY' if key else 'AWS_ACCESS_KEY_ID'} is not set",
            next="Set both, or neither.",
        )
    return _static(key, secret, environ.get("AWS_SESSION_TOKEN"))


def _from_profile(profile: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    settings = _static(
        profile.get("aws_access_key_id"), profile.get("aws_secret_access_key"), profile.get("aws_session_token")
    )
    elsewhere = next((key for key in _POINTING_ELSEWHERE if key in profile), None)
    if elsewhere and not settings and "AWS_WEB_IDENTITY_TOKEN_FILE" not in environ:
        name = _profile_name(environ)
        raise StoreRefused(
            f"the AWS profile {name} cannot be used",
            why=f"it gets its credentials by {elsewhere}, which Holdfast does not do",
            next=f'Run: eval "$(aws configure export-credentials --profile {name} --format env)"',
        )
    return settings


def _static(key: str | None, secret: str | None, token: str | None) -> dict[str, str]:
    if not key or not secret:
        return {}
    settings = {"access_key_id": key, "secret_access_key": secret}
    return settings | ({"session_token": token} if token else {})


def _named(environ: Mapping[str, str], names: Mapping[str, str], needed: str) -> dict[str, str]:
    if not environ.get(needed):
        return {}
    return {setting: environ[name] for name, setting in names.items() if environ.get(name)}


def _profile_name(environ: Mapping[str, str]) -> str:
    return environ.get("AWS_PROFILE") or "default"


def _profile(environ: Mapping[str, str]) -> dict[str, str]:
    """The chosen profile's values, the credentials file's before the config file's; empty if there is none."""
    name = _profile_name(environ)
    found: dict[str, str] = {}
    for variable, file, section in (
        ("AWS_CONFIG_FILE", "config", name if name == "default" else f"profile {name}"),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", name),
    ):
        home = environ.get("HOME")
        named = environ.get(variable) or (f"{home}/.aws/{file}" if home else "")
        if named:
            found.update(_section(Path(named), section))
    if not found and environ.get("AWS_PROFILE"):
        raise StoreRefused(
            f"there is no AWS profile {name}",
            why="AWS_PROFILE names it, and it is in neither the credentials nor the config file",
            next="Correct AWS_PROFILE, or see `aws configure list-profiles`.",
        )
    return found


def _section(path: Path, section: str) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None, strict=False, default_section="")
    try:
        with path.open(encoding="utf-8") as file:
            parser.read_file(file)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise StoreRefused(f"cannot read {path}", why=error.strerror or "") from error
    except (configparser.Error, UnicodeDecodeError):
        # Without the cause: its text repeats the line, which may hold a key.
        raise StoreRefused(f"{path} is not in the format of AWS profiles", next="Correct or remove it.") from None
    return dict(parser[section]) if parser.has_section(section) else {}

"""What all movers of a run have in common, worked out from flags, the environment and the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from holdfast.api.names import DEFAULT_NAMESPACE
from holdfast.api.pod_settings import PodSettings
from holdfast.api.storage_location import CA_KEY, PASSWORD_KEY
from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused, PlanRefused, UsageError
from holdfast.manifests import controller
from holdfast.manifests.installation import DEPLOYMENTS, IMAGE
from holdfast.manifests.rbac import RUNNER_ACCOUNT
from holdfast.objects.fields import at, items, text
from holdfast.objects.limits.quantities import parse_typed
from holdfast.operations.store_variables import store_variables
from holdfast.store.aws_credentials import aws_settings
from holdfast.store.certificates import Certificates, checked_pem
from holdfast.store.url import AzureUrl, GcsUrl, S3Url, parse_url

_REQUESTS = {"cpu": "100m", "memory": "128Mi"}
_LIMITS = {"cpu": "1", "memory": "1Gi"}
_AWS = {
    "access_key_id": "AWS_ACCESS_KEY_ID",
    "secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "session_token": "AWS_SESSION_TOKEN",
    "region": "AWS_REGION",
}
"""Each setting that `aws_settings` finds, and the variable that gives it to a pod."""
_OPENS = {
    GcsUrl: ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_ACCESS_TOKEN", "STORAGE_EMULATOR_HOST"),
    AzureUrl: (
        "AZURE_ACCOUNT_KEY",
        "AZURE_ACCOUNT_SAS",
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_CLIENT_SECRET",
    ),
}
"""Variables of which one is needed: without any, the store asks for this machine's own identity, which pods have not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoverOptions:
    """What flags or a plan say. Empty texts: as it is found."""

    namespace: str = ""
    image: str = ""
    repository: str = ""
    parallel: int = 4
    parallel_per_node: int = 2
    cpu: str = ""
    memory: str = ""
    pod: PodSettings = field(default_factory=PodSettings)


def mover_resources(options: MoverOptions) -> dict[str, Any]:
    """Of the movers' container; the limits are what was asked for. Raises UsageError for what is no quantity."""
    given = {name: value for name in ("cpu", "memory") if (value := getattr(options, name))}
    for name, value in given.items():
        if not (parse_typed(value) or 0) > 0:
            raise UsageError(
                f"--mover-{name} {value!r:.50} is no quantity",
                why="it must be a number above zero, as Kubernetes writes it",
                next="Write it as in --mover-cpu 500m --mover-memory 1Gi.",
            )
    limits = _LIMITS | given
    requests = {name: min((value, limits[name]), key=_amount) for name, value in _REQUESTS.items()}
    return {"requests": requests, "limits": limits}


def _amount(quantity: str) -> Any:
    return parse_typed(quantity) or 0


class Installed(NamedTuple):
    """What an installation has for movers."""

    image: str
    account: str  # a ServiceAccount of the movers' namespace that has what it takes to pull the image; "": `default`


def find_installed(cluster: Cluster, namespace: str) -> Installed:
    """The controller's image in the movers' namespace, or where it usually is; else the name that builds give it."""
    for home in dict.fromkeys((namespace, DEFAULT_NAMESPACE)):
        try:
            body = cluster.get(DEPLOYMENTS, home, controller.NAME)
        except ApiRefused:  # who may not look there uses the default, or names it
            continue
        spec = at(msgspec.json.decode(body), "spec", "template", "spec") if body else {}
        if image := next((found for one in items(spec, "containers") if (found := text(one, "image"))), ""):
            return Installed(image, RUNNER_ACCOUNT if home == namespace else "")
    return Installed(IMAGE, "")


def mover_credentials(
    url: str, password: str, environ: Mapping[str, str], certificates: Certificates | None
) -> dict[str, bytes]:
    """The data of a Secret that opens the repository from a pod, as `holdfast.operations.credentials` reads it.

    Raises PlanRefused for credentials that only this machine has, StoreRefused and UsageError for unusable ones.
    """
    parsed = parse_url(url)
    found = store_variables(parsed, environ)
    if isinstance(parsed, S3Url):
        settings = aws_settings(environ, instance_metadata=True)
        if "access_key_id" not in settings:
            raise _only_here("they come from this machine's own identity")
        found |= {variable: settings[name].encode() for name, variable in _AWS.items() if name in settings}
    elif (token := environ.get("GOOGLE_ACCESS_TOKEN")) and isinstance(parsed, GcsUrl):
        found["GOOGLE_ACCESS_TOKEN"] = token.encode()
    needed = _OPENS.get(type(parsed), ())
    if needed and found.keys().isdisjoint(needed):
        raise _only_here(f"none of {', '.join(needed)} is set")
    found[PASSWORD_KEY] = password.encode()
    if certificates is not None:
        found[CA_KEY] = checked_pem(certificates)
    return found


def _only_here(why: str) -> PlanRefused:
    return PlanRefused(
        "the store's credentials cannot be given to movers",
        why=why,
        next="Set the variables of an account's key (docs/stores.md), or use --location: its Secret is in the cluster.",
    )

"""Waits until the objects of a CustomResourceDefinition can be made.

The condition Established comes a moment before the server answers at the new address, so that is tried as well.
"""

from __future__ import annotations

import msgspec

from holdfast.cluster import paths
from holdfast.cluster.answers import decode
from holdfast.cluster.connection import Connection
from holdfast.errors import ClusterError
from holdfast.model.clock import Clock
from holdfast.model.kubernetes import Resource

_DEFINITIONS = Resource(
    group="apiextensions.k8s.io",
    version="v1",
    plural="customresourcedefinitions",
    kind="CustomResourceDefinition",
    namespaced=False,
)
_POLL = 0.1  # seconds
_NOT_SERVED = 404
_ALSO_SERVED = (403, 405)  # who may not list, or cannot, is told so only once the address exists or may never know


class _Condition(msgspec.Struct):
    type: str
    status: str
    message: str = ""


class _Status(msgspec.Struct):
    conditions: list[_Condition] | None = None


class _Version(msgspec.Struct):
    name: str
    served: bool


class _Names(msgspec.Struct):
    plural: str


class _Spec(msgspec.Struct):
    group: str
    names: _Names
    versions: list[_Version]


class _Definition(msgspec.Struct):
    spec: _Spec
    status: _Status = msgspec.field(default_factory=_Status)


def wait_established(connection: Connection, name: str, *, timeout: float, clock: Clock) -> None:
    """Returns when the definition `name` is usable.

    Raises ClusterError with the server's own reason after `timeout` seconds, ApiRefused if there is no such definition.
    """
    deadline = clock.monotonic() + timeout
    path = paths.single(_DEFINITIONS, "", name)
    while True:
        body = connection.request("GET", path, what=f"cannot read the CustomResourceDefinition {name}").body
        definition = decode(body, _Definition, f"the CustomResourceDefinition {name}")
        conditions = definition.status.conditions or []
        if any(one.type == "Established" and one.status == "True" for one in conditions):
            if _answers(connection, definition.spec):
                return
            conditions = []
        if clock.monotonic() >= deadline:
            why = "; ".join(one.message for one in conditions if one.status != "True" and one.message)
            raise ClusterError(
                f"the CustomResourceDefinition {name} was not ready after {timeout:g} s",
                why=why or "the API server does not yet serve it",
                next=f"Look at its conditions: `kubectl describe crd {name}`.",
            )
        connection.sleep(_POLL)


def _answers(connection: Connection, spec: _Spec) -> bool:
    for version in spec.versions:
        if version.served:
            path = f"/apis/{spec.group}/{version.name}/{spec.names.plural}"
            answer = connection.request("GET", path, {"limit": "1"}, expect=(_NOT_SERVED, *_ALSO_SERVED))
            if answer.status == _NOT_SERVED:
                return False
    return True

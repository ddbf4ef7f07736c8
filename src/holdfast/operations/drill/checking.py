"""Carrying out the checks of a drill in the containers of what was restored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused, ClusterError, UsageError
from holdfast.model.drill import Check, CheckResult
from holdfast.objects.fields import Object, at, items, name_of
from holdfast.objects.readiness import condition

_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
_MOST_OUTPUT = 1000  # characters that a report keeps
_UNAUTHORIZED = 401


class Checker:
    """`namespaces`: as in the backup → where it was restored."""

    def __init__(self, cluster: Cluster, namespaces: Mapping[str, str], timeout: float) -> None:
        self._cluster = cluster
        self._namespaces = namespaces
        self._timeout = timeout

    def run(self, check: Check) -> CheckResult:
        """Whatever goes wrong with the check is in the result. Raises ClusterUnreachable, Cancelled."""
        clock = self._cluster.connection.clock
        started = clock.monotonic()
        output, why, next_step = self._carry_out(check)
        return CheckResult(
            kind=check.kind,
            target=str(check.target),
            check=check.text,
            passed=not why,
            seconds=round(clock.monotonic() - started, 3),
            output=output[:_MOST_OUTPUT],
            why=why,
            next=next_step,
        )

    def _carry_out(self, check: Check) -> tuple[str, str, str]:
        """(output, why it failed, what to do)"""
        try:
            namespace, pod = self._find_pod(check)
            container = check.target.container or _default_container(pod)
            done = self._cluster.execute(
                namespace, name_of(pod), check.command, container=container, timeout=self._timeout
            )
        except UsageError as error:
            return "", error.what, error.next
        except ClusterError as error:
            if isinstance(error, ApiRefused) and error.status == _UNAUTHORIZED:
                raise
            if type(error) not in (ApiRefused, ClusterError):
                raise
            return "", error.why or error.what, error.next
        output = done.output.decode(errors="replace").strip()
        if done.exit_code:
            said = " ".join(done.errors.decode(errors="replace").split())[-_MOST_OUTPUT:]
            why = f"it ended with exit code {done.exit_code}" + (f": {said}" if said else "")
            return output, why, "Run the drill with --keep and look into the pod."
        if check.expect and output != check.expect:
            return (
                output,
                f"the answer is not {check.expect!r:.200}",
                "See what is expected, and what the backup holds.",
            )
        return output, "", ""

    def _find_pod(self, check: Check) -> tuple[str, Object]:
        """A ready pod of the workload. Raises UsageError for a kind that is none, ClusterError if there is no such pod."""
        target = check.target
        namespace = self._namespaces.get(target.namespace)
        if namespace is None:
            raise ClusterError(
                f"{target} was not restored",
                why=f"the drill has no namespace {target.namespace}",
                next="Correct its name.",
            )
        resource = self._cluster.api_surface().find(target.kind)
        found = self._cluster.get(resource, namespace, target.name)
        if found is None:
            raise ClusterError(f"{target} was not restored", why=f"{target} is not there", next="Correct its name.")
        workload: Object = msgspec.json.decode(found)
        if resource.group_resource == "pods":
            return namespace, workload
        selector = _selector(at(workload, "spec", "selector"))
        if not selector:
            raise ClusterError(
                f"{target} has no pods", why=f"{target} selects no pods", next="Name a workload or a pod."
            )
        pods = self._pods(namespace, selector)
        ready = [pod for pod in pods if condition(pod, "Ready").get("status") == "True"]
        if not ready:
            why = f"none of the {len(pods)} pods of {target} is ready"
            raise ClusterError(f"{target} has no ready pod", why=why, next="See the check `ready` of this drill.")
        return namespace, min(ready, key=name_of)

    def _pods(self, namespace: str, selector: str) -> Sequence[Object]:
        found: list[Object] = []
        resource = self._cluster.api_surface().find("pods")
        for page in self._cluster.list(resource, namespace=namespace, label_selector=selector):
            found = [*([] if page.restarted else found), *map(msgspec.json.decode, page.items)]
        return [pod for pod in found if not at(pod, "metadata").get("deletionTimestamp")]


def _default_container(pod: Object) -> str:
    named = at(pod, "metadata", "annotations").get(_DEFAULT_CONTAINER)
    return str(named or items(pod, "spec", "containers")[0].get("name"))


def _selector(selector: Object) -> str:
    """`spec.selector` as the query of a list; a ReplicationController's is the labels themselves."""
    labels = at(selector, "matchLabels") or {key: value for key, value in selector.items() if isinstance(value, str)}
    parts = [f"{key}={value}" for key, value in labels.items()]
    for rule in items(selector, "matchExpressions"):
        key, values = rule.get("key"), ",".join(rule.get("values") or ())
        match rule.get("operator"):
            case "In":
                parts.append(f"{key} in ({values})")
            case "NotIn":
                parts.append(f"{key} notin ({values})")
            case "Exists":
                parts.append(str(key))
            case _:
                parts.append(f"!{key}")
    return ",".join(parts)

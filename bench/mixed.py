"""Objects of ten kinds, in equal parts, as applications have them: settings, accounts and rights, networks, schedules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from bench.sample import Sample, samples

Body = dict[str, Any]

_SELECTED = {"matchLabels": {"app": "bench"}}
_CONTAINER = {"name": "main", "image": "none.invalid/none:1", "env": [{"name": "LOG_LEVEL", "value": "info"}]}


def _service(name: str) -> Body:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}, {"name": "metrics", "port": 9090}]
    return {"spec": {"selector": {"app": name}, "ports": ports}}


def _role(_: str) -> Body:
    return {"rules": [{"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["get", "list", "watch"]}]}


def _role_binding(name: str) -> Body:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    return {"roleRef": reference, "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "bench"}]}


def _network_policy(name: str) -> Body:
    allowed = {"from": [{"podSelector": _SELECTED}], "ports": [{"protocol": "TCP", "port": 8080}]}
    return {"spec": {"podSelector": {"matchLabels": {"app": name}}, "policyTypes": ["Ingress"], "ingress": [allowed]}}


def _ingress(name: str) -> Body:
    backend = {"service": {"name": name, "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {"spec": {"rules": [{"host": f"{name}.example.com", "http": {"paths": [path]}}]}}


def _disruption_budget(name: str) -> Body:
    return {"spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": name}}}}


def _cron_job(_: str) -> Body:
    pod = {"restartPolicy": "Never", "containers": [_CONTAINER]}
    job = {"spec": {"template": {"spec": pod}}}
    return {"spec": {"schedule": "0 3 * * *", "suspend": True, "jobTemplate": job}}


_KINDS: tuple[tuple[str, str, str, Callable[[str], Body]], ...] = (
    ("v1", "ServiceAccount", "serviceaccounts", lambda _: {}),
    ("v1", "Service", "services", _service),
    ("rbac.authorization.k8s.io/v1", "Role", "roles", _role),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", _role_binding),
    ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", _network_policy),
    ("networking.k8s.io/v1", "Ingress", "ingresses", _ingress),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", _disruption_budget),
    ("batch/v1", "CronJob", "cronjobs", _cron_job),
)


def mixed_samples(count: int, namespace: str) -> Iterator[Sample]:
    """`count` objects: a fifth as in `bench.sample`, a tenth of each of eight more kinds."""
    yield from islice(samples(count // 5, namespace), count // 5)
    for version, kind, plural, content in _KINDS:
        for number in range(count // 10):
            name = f"{plural}-{number:05d}"
            metadata = {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/part-of": "bench"}}
            body = {"apiVersion": version, "kind": kind, "metadata": metadata, **content(name)}
            yield Sample(number, plural, name, body)

"""Cases for the rows of `--quarantine`: with it they do their work, without it nothing."""

from __future__ import annotations

from tests.objects.transform_cases import REFUSED, Case, Change

from holdfast.objects.fields import Object
from holdfast.objects.transforms import TRANSFORMS, Context

CLOSED = Context(quarantine=True)


def changed(what: str, kind: str, before: Object, after: Object) -> list[Case]:
    return [Change(what, kind, before, after, CLOSED), Change(f"not without it: {what}", kind, before, before)]


def refused(row: str) -> list[Case]:
    (found,) = [each for each in TRANSFORMS if each.id == row]
    return [
        case
        for kind in sorted(found.kinds)
        for case in (
            Change(f"{kind} is left out", kind, {}, REFUSED, CLOSED),
            Change(f"{kind} stays without it", kind, {}, {}),
        )
    ]


def marked(**metadata: object) -> Object:
    return {"metadata": {"name": "web", "namespace": "shop", **metadata}}


_BALANCED = {
    "type": "LoadBalancer",
    "loadBalancerIP": "192.0.2.1",
    "loadBalancerClass": "example.com/lb",
    "loadBalancerSourceRanges": ["192.0.2.0/24"],
    "allocateLoadBalancerNodePorts": True,
    "externalTrafficPolicy": "Local",
    "healthCheckNodePort": 32000,
    "externalIPs": ["192.0.2.2"],
    "ports": [{"port": 80, "nodePort": 30080}],
}
_SHARED = {"metadata": {"name": "x", "annotations": {"cert-manager.io/inject-ca-from": "a/b"}}}

QUARANTINE: dict[str, list[Case]] = {
    "quarantine-namespace": changed(
        "it is labelled",
        "namespaces",
        {"metadata": {"name": "shop"}},
        {"metadata": {"name": "shop", "labels": {"holdfast.dev/quarantine": "true"}}},
    ),
    "quarantine-services": [
        *changed(
            "a load balancer has an inner address",
            "services",
            {"spec": _BALANCED},
            {"spec": {"type": "ClusterIP", "ports": [{"port": 80}]}},
        ),
        *changed(
            "so has a node port",
            "services",
            {
                "spec": {
                    "type": "NodePort",
                    "externalTrafficPolicy": "Cluster",
                    "ports": [{"port": 80, "nodePort": 30080}],
                }
            },
            {"spec": {"type": "ClusterIP", "ports": [{"port": 80}]}},
        ),
        Change(
            "a headless one stays",
            "services",
            {"spec": {"type": "ClusterIP", "clusterIP": "None"}},
            {"spec": {"type": "ClusterIP", "clusterIP": "None"}},
            CLOSED,
        ),
    ],
    "quarantine-dns-and-certificates": [
        *changed(
            "marks are dropped, others stay",
            "services",
            marked(
                annotations={
                    "external-dns.alpha.kubernetes.io/hostname": "shop.example.com",
                    "cert-manager.io/cluster-issuer": "letsencrypt",
                    "acme.cert-manager.io/http01-edit-in-place": "true",
                    "example.com/note": "a",
                },
                labels={"cert-manager.io/next-private-key": "true"},
            ),
            marked(annotations={"example.com/note": "a"}),
        ),
        Change(
            "what the whole cluster shares stays",
            "customresourcedefinitions.apiextensions.k8s.io",
            _SHARED,
            _SHARED,
            CLOSED,
        ),
    ],
    "quarantine-owner-marks": [
        Change(
            "a namespace is a clone, too",
            "namespaces",
            {"kind": "Namespace", "metadata": {"name": "shop", "labels": {"argocd.argoproj.io/instance": "shop"}}},
            {"kind": "Namespace", "metadata": {"name": "shop"}},
            CLOSED,
        ),
        *changed(
            "marks are dropped, the label of charts stays",
            "deployments.apps",
            marked(
                annotations={"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"},
                labels={
                    "argocd.argoproj.io/instance": "shop",
                    "kustomize.toolkit.fluxcd.io/name": "apps",
                    "helm.toolkit.fluxcd.io/name": "web",
                    "app.kubernetes.io/instance": "web",
                },
            ),
            marked(labels={"app.kubernetes.io/instance": "web"}),
        ),
    ],
    "quarantine-cron-jobs": changed(
        "it is suspended",
        "cronjobs.batch",
        {"spec": {"schedule": "* * * * *", "suspend": False}},
        {"spec": {"schedule": "* * * * *", "suspend": True}},
    ),
    "quarantine-claims": changed(
        "it names and selects no volume",
        "persistentvolumeclaims",
        {"spec": {"volumeName": "pv-1", "selector": {"matchLabels": {"a": "b"}}, "storageClassName": "fast"}},
        {"spec": {"storageClassName": "fast"}},
    ),
    **{
        row: refused(row)
        for row in (
            "quarantine-autoscalers",
            "quarantine-certificates",
            "quarantine-cluster-rights",
            "quarantine-deployers",
            "quarantine-entrances",
            "quarantine-network-policies",
            "quarantine-volumes",
            "quarantine-webhooks",
        )
    },
}

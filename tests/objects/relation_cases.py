"""For each row of the tables of relations, an object that leads to another one, and one like it that does not.

`test_closure` follows the first object of a case: the second must come along for the reason, the stranger must not.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.objects.fields import Object
from holdfast.objects.metadata import glimpse

RBAC = "rbac.authorization.k8s.io"
GATEWAY_API = "gateway.networking.k8s.io"

KINDS = {
    "pods": "Pod",
    "podtemplates": "PodTemplate",
    "replicationcontrollers": "ReplicationController",
    "cronjobs.batch": "CronJob",
    "jobs.batch": "Job",
    "daemonsets.apps": "DaemonSet",
    "deployments.apps": "Deployment",
    "replicasets.apps": "ReplicaSet",
    "statefulsets.apps": "StatefulSet",
    "configmaps": "ConfigMap",
    "secrets": "Secret",
    "serviceaccounts": "ServiceAccount",
    "services": "Service",
    "endpoints": "Endpoints",
    "endpointslices.discovery.k8s.io": "EndpointSlice",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    f"roles.{RBAC}": "Role",
    f"rolebindings.{RBAC}": "RoleBinding",
    "ingresses.networking.k8s.io": "Ingress",
    "networkpolicies.networking.k8s.io": "NetworkPolicy",
    "poddisruptionbudgets.policy": "PodDisruptionBudget",
    "horizontalpodautoscalers.autoscaling": "HorizontalPodAutoscaler",
    "resourceclaims.resource.k8s.io": "ResourceClaim",
    "resourceclaimtemplates.resource.k8s.io": "ResourceClaimTemplate",
    f"gateways.{GATEWAY_API}": "Gateway",
    **{
        f"{kind.lower()}s.{GATEWAY_API}": kind
        for kind in ("GRPCRoute", "HTTPRoute", "TCPRoute", "TLSRoute", "UDPRoute")
    },
    "routes.route.openshift.io": "Route",
    "secretproviderclasses.secrets-store.csi.x-k8s.io": "SecretProviderClass",
    "verticalpodautoscalers.autoscaling.k8s.io": "VerticalPodAutoscaler",
    "scaledobjects.keda.sh": "ScaledObject",
    "scaledjobs.keda.sh": "ScaledJob",
    "triggerauthentications.keda.sh": "TriggerAuthentication",
    "rollouts.argoproj.io": "Rollout",
    "certificates.cert-manager.io": "Certificate",
    "issuers.cert-manager.io": "Issuer",
    "shops.example.com": "Shop",
    "clusterissuers.cert-manager.io": "ClusterIssuer",
    "fleets.example.com": "Fleet",
}
CLUSTER_SCOPED = {"clusterissuers.cert-manager.io", "fleets.example.com"}
CUSTOM = "shops.example.com"


def resource(group_resource: str) -> Resource:
    plural, _, group = group_resource.partition(".")
    namespaced = group_resource not in CLUSTER_SCOPED
    return Resource(group, "v1", plural, KINDS[group_resource], namespaced=namespaced)


RESOURCES = tuple(map(resource, KINDS))


class Thing(NamedTuple):
    """An object of a test."""

    kind: str  # deployments.apps
    body: Object

    @property
    def key(self) -> ObjectKey:
        one = resource(self.kind)
        return ObjectKey(
            one.group, one.plural, self.body["metadata"].get("namespace", ""), self.body["metadata"]["name"]
        )

    def __str__(self) -> str:
        return str(self.key)

    def node(self, closure):
        data = json.dumps(self.body).encode()
        return closure.read(resource(self.kind), glimpse(data), data)


def thing(kind: str, name: str, *, namespace: str = "shop", owner: Thing | None = None, metadata=None, **body) -> Thing:
    meta = {"name": name, **({} if kind in CLUSTER_SCOPED else {"namespace": namespace}), **(metadata or {})}
    if owner:
        one = resource(owner.kind)
        meta["ownerReferences"] = [
            {"apiVersion": one.api_version, "kind": one.kind, "name": owner.key.name, "uid": "u", "controller": True}
        ]
    return Thing(kind, {"metadata": meta, **body})


def pod_template(labels=None, **spec) -> Object:
    return {"metadata": {"labels": labels or {"app": "web"}}, "spec": {"containers": [{"name": "main"}], **spec}}


def _in_spec(template):
    return {"spec": {"template": template}}


PLACES = {
    "pods": lambda template: {"spec": template["spec"]},
    "podtemplates": lambda template: {"template": template},
    "cronjobs.batch": lambda template: {"spec": {"jobTemplate": _in_spec(template)}},
    **dict.fromkeys(
        (
            "replicationcontrollers",
            "jobs.batch",
            "daemonsets.apps",
            "deployments.apps",
            "replicasets.apps",
            "statefulsets.apps",
        ),
        _in_spec,
    ),
    CUSTOM: lambda template: {"spec": {"workers": [{"pods": template}]}},
}
"""kind → how a pod template lies in it."""


def runner(kind="deployments.apps", name="web", *, owner=None, metadata=None, labels=None, **pod) -> Thing:
    """An object that runs pods."""
    return thing(kind, name, owner=owner, metadata=metadata, **PLACES[kind](pod_template(labels, **pod)))


class Case(NamedTuple):
    rule: str
    kind: str  # of the rule's kinds
    root: Thing
    found: Thing
    reason: str
    stranger: Thing


def _in_every_runner(rule, reason, target, **pod):
    for kind in PLACES:
        root = runner(kind, **pod)
        yield Case(rule, kind, root, thing(target, "x"), f"{reason} {root}", thing(target, "y"))


def _container(**fields):
    return {"containers": [{"name": "main", **fields}]}


def _volume(**source):
    return {"volumes": [{"name": "v", **source}]}


def _custom(rule, reason, target, **spec):
    root = thing(CUSTOM, "store", spec=spec)
    return Case(rule, CUSTOM, root, thing(target, "x"), f"{reason} {root}", thing(target, "y"))


WEB = runner()
ACCOUNT = thing("serviceaccounts", "x", imagePullSecrets=[{"name": "x"}], secrets=[{"name": "x"}])
SERVICE = thing("services", "web", spec={"selector": {"app": "web"}})
INGRESS = "ingresses.networking.k8s.io"

NAMING_CASES = (
    *_in_every_runner("image-pull-secrets", "image pull secret of", "secrets", imagePullSecrets=[{"name": "x"}]),
    Case(
        "image-pull-secrets",
        "serviceaccounts",
        ACCOUNT,
        thing("secrets", "x"),
        f"image pull secret of {ACCOUNT}",
        thing("secrets", "y"),
    ),
    _custom("image-pull-secrets", "image pull secret of", "secrets", runners={"imagePullSecrets": [{"name": "x"}]}),
    *_in_every_runner("config-maps", "configuration of", "configmaps", **_volume(configMap={"name": "x"})),
    *_in_every_runner(
        "config-maps",
        "configuration of",
        "configmaps",
        **_volume(projected={"sources": [{"configMap": {"name": "x"}}]}),
    ),
    *_in_every_runner(
        "config-maps", "configuration of", "configmaps", **_container(envFrom=[{"configMapRef": {"name": "x"}}])
    ),
    *_in_every_runner(
        "config-maps",
        "configuration of",
        "configmaps",
        **_container(env=[{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "a"}}}]),
    ),
    *_in_every_runner(
        "config-maps",
        "configuration of",
        "configmaps",
        initContainers=[{"name": "first", "envFrom": [{"configMapRef": {"name": "x"}}]}],
    ),
    _custom("config-maps", "configuration of", "configmaps", settings={"from": [{"configMapRef": {"name": "x"}}]}),
    _custom("config-maps", "configuration of", "configmaps", configMapName="x"),
    *_in_every_runner("secrets", "secret of", "secrets", **_volume(secret={"secretName": "x"})),
    *_in_every_runner("secrets", "secret of", "secrets", **_volume(projected={"sources": [{"secret": {"name": "x"}}]})),
    *_in_every_runner(
        "secrets", "secret of", "secrets", **_volume(csi={"driver": "d", "nodePublishSecretRef": {"name": "x"}})
    ),
    *_in_every_runner("secrets", "secret of", "secrets", **_container(envFrom=[{"secretRef": {"name": "x"}}])),
    *_in_every_runner(
        "secrets",
        "secret of",
        "secrets",
        **_container(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "x", "key": "a"}}}]),
    ),
    _custom("secrets", "secret of", "secrets", storage={"tlsSecretName": "x"}),
    _custom("secrets", "secret of", "secrets", users=[{"passwordSecretRef": {"name": "x", "key": "password"}}]),
    _custom("secrets", "secret of", "secrets", credentialsSecret={"name": "x", "namespace": "shop"}),
    *_in_every_runner("accounts", "account of", "serviceaccounts", serviceAccountName="x"),
    *_in_every_runner("accounts", "account of", "serviceaccounts", serviceAccount="x"),
    _custom("accounts", "account of", "serviceaccounts", serviceAccountName="x"),
    Case(
        "accounts",
        "deployments.apps",
        WEB,
        thing("serviceaccounts", "default"),
        f"account of {WEB}",
        thing("serviceaccounts", "y"),
    ),
    Case(
        "account-secrets",
        "serviceaccounts",
        thing("serviceaccounts", "x", secrets=[{"name": "x"}]),
        thing("secrets", "x"),
        "secret of serviceaccounts/shop/x",
        thing("secrets", "y"),
    ),
    *_in_every_runner(
        "claims", "claim of", "persistentvolumeclaims", **_volume(persistentVolumeClaim={"claimName": "x"})
    ),
    _custom("claims", "claim of", "persistentvolumeclaims", data={"existingClaim": "x"}),
    *_in_every_runner(
        "provider-classes",
        "secret provider of",
        "secretproviderclasses.secrets-store.csi.x-k8s.io",
        **_volume(csi={"driver": "secrets-store.csi.k8s.io", "volumeAttributes": {"secretProviderClass": "x"}}),
    ),
    *_in_every_runner(
        "resource-claims",
        "resource claim of",
        "resourceclaims.resource.k8s.io",
        resourceClaims=[{"name": "gpu", "resourceClaimName": "x"}],
    ),
    *_in_every_runner(
        "resource-claims",
        "resource claim of",
        "resourceclaimtemplates.resource.k8s.io",
        resourceClaims=[{"name": "gpu", "resourceClaimTemplateName": "x"}],
    ),
    Case(
        "headless-services",
        "statefulsets.apps",
        thing("statefulsets.apps", "db", spec={"serviceName": "x"}),
        thing("services", "x", spec={"clusterIP": "None"}),
        "gives names to the pods of statefulsets.apps/shop/db",
        thing("services", "y", spec={"clusterIP": "None"}),
    ),
    Case(
        "tls-secrets",
        INGRESS,
        thing(INGRESS, "web", spec={"tls": [{"hosts": ["a"], "secretName": "x"}]}),
        thing("secrets", "x"),
        f"TLS secret of {INGRESS}/shop/web",
        thing("secrets", "y"),
    ),
    Case(
        "tls-secrets",
        f"gateways.{GATEWAY_API}",
        thing(f"gateways.{GATEWAY_API}", "edge", spec={"listeners": [{"tls": {"certificateRefs": [{"name": "x"}]}}]}),
        thing("secrets", "x"),
        f"TLS secret of gateways.{GATEWAY_API}/shop/edge",
        thing("secrets", "y"),
    ),
    *(
        Case(
            "authentication-secrets",
            INGRESS,
            thing(INGRESS, "web", metadata={"annotations": {f"nginx.ingress.kubernetes.io/{annotation}": value}}),
            thing("secrets", "x"),
            f"authentication secret of {INGRESS}/shop/web",
            thing("secrets", "y"),
        )
        for annotation, value in [("auth-secret", "x"), ("auth-tls-secret", "shop/x"), ("proxy-ssl-secret", "shop/x")]
    ),
    *(
        Case(
            "gateways",
            kind,
            thing(kind, "web", spec={"parentRefs": [{"name": "x"}]}),
            thing(f"gateways.{GATEWAY_API}", "x"),
            f"gateway of {kind}/shop/web",
            thing(f"gateways.{GATEWAY_API}", "y"),
        )
        for kind in KINDS
        if kind.endswith(f"routes.{GATEWAY_API}")
    ),
    Case(
        "roles",
        f"rolebindings.{RBAC}",
        thing(f"rolebindings.{RBAC}", "b", roleRef={"kind": "Role", "name": "x"}),
        thing(f"roles.{RBAC}", "x"),
        f"role of rolebindings.{RBAC}/shop/b",
        thing(f"roles.{RBAC}", "y"),
    ),
    Case(
        "template-owners",
        "rollouts.argoproj.io",
        thing(
            "rollouts.argoproj.io",
            "r",
            spec={"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}},
        ),
        runner(name="x"),
        "has the pod template of rollouts.argoproj.io/shop/r",
        runner(name="y"),
    ),
    *(
        Case(
            "trigger-authentications",
            kind,
            thing(kind, "s", spec={"triggers": [{"type": "kafka", "authenticationRef": {"name": "x"}}]}),
            thing("triggerauthentications.keda.sh", "x"),
            f"authentication of {kind}/shop/s",
            thing("triggerauthentications.keda.sh", "y"),
        )
        for kind in ("scaledobjects.keda.sh", "scaledjobs.keda.sh")
    ),
    *(
        Case(
            "issuers",
            "certificates.cert-manager.io",
            thing("certificates.cert-manager.io", "c", spec={"issuerRef": reference}),
            thing(found, "x"),
            "issuer of certificates.cert-manager.io/shop/c",
            thing(found, "y"),
        )
        for reference, found in [
            ({"name": "x"}, "issuers.cert-manager.io"),
            ({"name": "x", "kind": "ClusterIssuer"}, "clusterissuers.cert-manager.io"),
        ]
    ),
    *(
        Case(
            "owners",
            "every",
            thing("deployments.apps", "web", owner=thing(owner, "x")),
            thing(owner, "x"),
            "owner of deployments.apps/shop/web",
            thing(owner, "y"),
        )
        for owner in (CUSTOM, "fleets.example.com")
    ),
)

POINTING_CASES = (
    *(
        Case(
            "owned",
            "every",
            WEB,
            thing(kind, "x", owner=WEB),
            f"owned by {WEB}",
            thing(kind, "y", owner=runner(name="y")),
        )
        for kind in ("replicasets.apps", "configmaps", CUSTOM)
    ),
    Case(
        "claims-of-templates",
        "persistentvolumeclaims",
        thing("statefulsets.apps", "db", spec={"volumeClaimTemplates": [{"metadata": {"name": "data"}}]}),
        thing("persistentvolumeclaims", "data-db-7"),
        "claim of statefulsets.apps/shop/db",
        thing("persistentvolumeclaims", "data-db-old"),
    ),
    *(
        Case(
            "autoscalers",
            used,
            WEB,
            thing(kind, "x", spec={"scaleTargetRef": {**reference, "name": "web"}}),
            f"scales {WEB}",
            thing(kind, "y", spec={"scaleTargetRef": {**reference, "name": "other"}}),
        )
        for used, kind, reference in [
            ("horizontalpodautoscalers.autoscaling",) * 2 + ({"apiVersion": "apps/v1", "kind": "Deployment"},),
            (CUSTOM, "scaledobjects.keda.sh", {}),
        ]
    ),
    *(
        Case(
            "targets",
            CUSTOM,
            root,
            thing(kind, "x", spec=spec(root.key.name)),
            f"applies to {root}",
            thing(kind, "y", spec=spec("other")),
        )
        for root, kind, spec in [
            (
                WEB,
                "verticalpodautoscalers.autoscaling.k8s.io",
                lambda name: {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}},
            ),
            (SERVICE, CUSTOM, lambda name: {"targetRefs": [{"group": "", "kind": "Service", "name": name}]}),
        ]
    ),
    *(
        Case(
            "ingresses",
            INGRESS,
            SERVICE,
            thing(INGRESS, "x", spec=spec("web")),
            f"routes to {SERVICE}",
            thing(INGRESS, "y", spec=spec("other")),
        )
        for spec in (
            lambda name: {"defaultBackend": {"service": {"name": name}}},
            lambda name: {"rules": [{"http": {"paths": [{"path": "/", "backend": {"service": {"name": name}}}]}}]},
        )
    ),
    *(
        Case(
            "routes",
            kind,
            SERVICE,
            thing(kind, "x", spec={"rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}),
            f"routes to {SERVICE}",
            thing(
                kind,
                "y",
                spec={"rules": [{"backendRefs": [{"name": "web", "kind": "Bucket", "group": "a.example.com"}]}]},
            ),
        )
        for kind in KINDS
        if kind.endswith(f"routes.{GATEWAY_API}")
    ),
    *(
        Case(
            "openshift-routes",
            "routes.route.openshift.io",
            SERVICE,
            thing("routes.route.openshift.io", "x", spec=spec("web")),
            f"routes to {SERVICE}",
            thing("routes.route.openshift.io", "y", spec=spec("other")),
        )
        for spec in (
            lambda name: {"to": {"kind": "Service", "name": name}},
            lambda name: {"to": {"name": "another"}, "alternateBackends": [{"kind": "Service", "name": name}]},
        )
    ),
    Case(
        "certificates",
        "certificates.cert-manager.io",
        thing("secrets", "x"),
        thing("certificates.cert-manager.io", "c", spec={"secretName": "x"}),
        "fills secrets/shop/x",
        thing("certificates.cert-manager.io", "d", spec={"secretName": "y"}),
    ),
    Case(
        "addresses",
        "endpoints",
        thing("services", "outside", spec={}),
        thing("endpoints", "outside"),
        "addresses of services/shop/outside",
        thing("endpoints", "other"),
    ),
    Case(
        "addresses",
        "endpointslices.discovery.k8s.io",
        thing("services", "outside", spec={}),
        thing("endpointslices.discovery.k8s.io", "x", metadata={"labels": {"kubernetes.io/service-name": "outside"}}),
        "addresses of services/shop/outside",
        thing(
            "endpointslices.discovery.k8s.io", "outside", metadata={"labels": {"kubernetes.io/service-name": "other"}}
        ),
    ),
    *(
        Case(
            "role-bindings",
            f"rolebindings.{RBAC}",
            ACCOUNT,
            thing(f"rolebindings.{RBAC}", "x", roleRef={}, subjects=[{"kind": "User", "name": "u"}, subject]),
            f"binds {ACCOUNT}",
            thing(f"rolebindings.{RBAC}", "y", roleRef={}, subjects=[other]),
        )
        for subject, other in [
            (
                {"kind": "ServiceAccount", "namespace": "shop", "name": "x"},
                {"kind": "ServiceAccount", "namespace": "else", "name": "x"},
            ),
            (
                {"kind": "Group", "name": "system:serviceaccounts:shop"},
                {"kind": "Group", "name": "system:serviceaccounts:else"},
            ),
        ]
    ),
    *(
        Case(
            "helm-releases",
            kind,
            runner(
                metadata={
                    "annotations": {"meta.helm.sh/release-name": "store", "meta.helm.sh/release-namespace": "shop"}
                }
            ),
            thing(kind, "sh.helm.release.v1.store.v12"),
            f"Helm release of {WEB}",
            thing(kind, "sh.helm.release.v1.store.v"),
        )
        for kind in ("secrets", "configmaps")
    ),
)

POLICY = "networkpolicies.networking.k8s.io"
BUDGET = "poddisruptionbudgets.policy"
SELECTING_CASES = (
    *(
        Case(
            "services",
            "services",
            runner(kind, labels={"app": "web", "tier": "front"}, metadata={"labels": {"app": "web"}}),
            thing("services", "x", spec={"selector": {"app": "web"}}),
            f"selects the pods of {kind}/shop/web",
            thing("services", "y", spec=other),
        )
        for kind in PLACES
        for other in ({"selector": {"app": "web", "tier": "back"}}, {"selector": {}}, {})
    ),
    *(
        Case(
            rule,
            kind,
            WEB,
            thing(kind, "x", spec={field: wanted}),
            f"{reason} {WEB}",
            thing(kind, "y", spec={field: {"matchLabels": {"app": "other"}}}),
        )
        for rule, kind, field, reason in [
            ("disruption-budgets", BUDGET, "selector", "limits disruptions of"),
            ("network-policies", POLICY, "podSelector", "filters the traffic of"),
        ]
        for wanted in (
            {},
            {"matchLabels": {"app": "web"}},
            {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "x"]}]},
            {"matchExpressions": [{"key": "app", "operator": "Exists"}]},
        )
    ),
    Case(
        "disruption-budgets",
        BUDGET,
        WEB,
        thing(BUDGET, "x", spec={"selector": {}}),
        f"limits disruptions of {WEB}",
        thing(BUDGET, "y", spec={}),
    ),
    Case(
        "network-policies",
        POLICY,
        WEB,
        thing(POLICY, "x", spec={}),
        f"filters the traffic of {WEB}",
        thing(POLICY, "y", namespace="else", spec={}),
    ),
)

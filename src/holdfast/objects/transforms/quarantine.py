"""Rows for `--quarantine`: a clone must not answer for, write to or act on what the original does.

They do nothing without it. What reaches out from the cluster, or acts on other namespaces, is left out; the rest of the
object is restored. `holdfast.objects.isolation` has the NetworkPolicy that closes the namespace.
"""

from __future__ import annotations

from collections.abc import Callable

from holdfast.objects.fields import Object, at, copied, items, namespace_of, put, remove
from holdfast.objects.isolation import LABEL
from holdfast.objects.transforms.transform import Context, Transform

_EXPOSED = frozenset({"LoadBalancer", "NodePort"})
_EXPOSING_FIELDS = (
    "allocateLoadBalancerNodePorts",
    "externalIPs",
    "externalTrafficPolicy",
    "healthCheckNodePort",
    "loadBalancerClass",
    "loadBalancerIP",
    "loadBalancerSourceRanges",
)
_DNS_AND_CERTIFICATES = ("external-dns.alpha.kubernetes.io/", "cert-manager.io/", "acme.cert-manager.io/")
_OWNER_MARKS = ("argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/")


def _kinds(group: str, *plurals: str) -> frozenset[str]:
    return frozenset(f"{plural}.{group}" for plural in plurals)


_ENTRANCES = (
    _kinds("networking.k8s.io", "ingresses")
    | _kinds("gateway.networking.k8s.io", "gateways", "listenersets")
    | _kinds("gateway.networking.k8s.io", "grpcroutes", "httproutes", "tcproutes", "tlsroutes", "udproutes")
    | _kinds("networking.istio.io", "gateways", "virtualservices")
    | _kinds("traefik.io", "ingressroutes", "ingressroutetcps", "ingressrouteudps")
    | _kinds("projectcontour.io", "httpproxies")
    | _kinds("route.openshift.io", "routes")
    | _kinds("externaldns.k8s.io", "dnsendpoints")
)
_CERTIFICATES = _kinds("cert-manager.io", "certificaterequests", "certificates", "clusterissuers", "issuers") | _kinds(
    "acme.cert-manager.io", "challenges", "orders"
)
_AUTOSCALERS = (
    _kinds("autoscaling", "horizontalpodautoscalers")
    | _kinds("autoscaling.k8s.io", "verticalpodautoscalers")
    | _kinds("keda.sh", "scaledjobs", "scaledobjects")
)
_WEBHOOKS = (
    _kinds("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "validatingwebhookconfigurations")
    | _kinds("admissionregistration.k8s.io", "mutatingadmissionpolicies", "mutatingadmissionpolicybindings")
    | _kinds("admissionregistration.k8s.io", "validatingadmissionpolicies", "validatingadmissionpolicybindings")
    | _kinds("apiregistration.k8s.io", "apiservices")
)
_NETWORK_POLICIES = (
    _kinds("networking.k8s.io", "networkpolicies")
    | _kinds("policy.networking.k8s.io", "adminnetworkpolicies", "baselineadminnetworkpolicies")
    | _kinds("cilium.io", "ciliumclusterwidenetworkpolicies", "ciliumnetworkpolicies")
    | _kinds("crd.projectcalico.org", "globalnetworkpolicies", "networkpolicies")
    | _kinds("projectcalico.org", "globalnetworkpolicies", "networkpolicies")
)
_DEPLOYERS = (
    _kinds("argoproj.io", "applications", "applicationsets")
    | _kinds("kustomize.toolkit.fluxcd.io", "kustomizations")
    | _kinds("helm.toolkit.fluxcd.io", "helmreleases")
    | _kinds("helm.cattle.io", "helmcharts")
    | _kinds("fleet.cattle.io", "bundles", "gitrepos")
)


def _left_out(why: str) -> Callable[[Object, Context], str | None]:
    return lambda _, context: f"quarantine: {why}" if context.quarantine else None


def _changed(change: Callable[[Object], None]) -> Callable[[Object, Context], None]:
    return lambda obj, context: change(obj) if context.quarantine else None


def _label_namespace(obj: Object) -> None:
    put(obj, "metadata", "labels", LABEL, value="true")


def _close_service(obj: Object) -> None:
    spec = at(obj, "spec")
    for field in _EXPOSING_FIELDS:
        remove(spec, field)
    if spec.get("type") in _EXPOSED:
        spec["type"] = "ClusterIP"
        for port in items(spec, "ports"):
            remove(port, "nodePort")


def _drop_dns_and_certificates(obj: Object) -> None:
    _drop_marks(obj, _DNS_AND_CERTIFICATES)


def _drop_owner_marks(obj: Object) -> None:
    _drop_marks(obj, _OWNER_MARKS)


def _drop_marks(obj: Object, prefixes: tuple[str, ...]) -> None:
    if not namespace_of(obj) and obj.get("kind") != "Namespace":
        return  # not a clone: there is one of it for the whole cluster
    for place in ("annotations", "labels"):
        for mark in list(at(obj, "metadata", place)):
            if mark.startswith(prefixes):
                remove(obj, "metadata", place, mark)


def _suspend(obj: Object) -> None:
    put(obj, "spec", "suspend", value=True)


def _free_claim(obj: Object) -> None:
    remove(obj, "spec", "volumeName")
    remove(obj, "spec", "selector")


QUARANTINE: tuple[Transform, ...] = (
    Transform(
        "quarantine-namespace",
        f"With --quarantine, the namespace is labelled `{LABEL}=true`; only such a namespace is restored into again.",
        frozenset({"namespaces"}),
        change=_changed(_label_namespace),
    ),
    Transform(
        "quarantine-services",
        "With --quarantine, Services have addresses inside the cluster only: a load balancer, node port or external"
        " address would take the original's traffic, or cost money.",
        frozenset({"services"}),
        change=_changed(_close_service),
    ),
    Transform(
        "quarantine-dns-and-certificates",
        "With --quarantine, annotations and labels for external-dns and cert-manager are dropped, so that the clone takes"
        " no DNS name and orders no certificate.",
        change=_changed(_drop_dns_and_certificates),
    ),
    Transform(
        "quarantine-owner-marks",
        "With --quarantine, marks of Argo CD and Flux are dropped, so that they do not take the clone for theirs and"
        " prune it.",
        change=_changed(_drop_owner_marks),
    ),
    Transform(
        "quarantine-entrances",
        "With --quarantine, Ingresses, Gateways, routes and DNS records are left out: they would claim the original's host"
        " names, and one without a class would get the default one.",
        _ENTRANCES,
        refuse=_left_out("it would claim the original's host names"),
    ),
    Transform(
        "quarantine-certificates",
        "With --quarantine, cert-manager's objects are left out, because each would order a certificate or register an"
        " account; the Secrets with the certificates are restored.",
        _CERTIFICATES,
        refuse=_left_out("it would order a certificate or register an account"),
    ),
    Transform(
        "quarantine-cron-jobs",
        "With --quarantine, CronJobs stay suspended: what the original does on schedule must not be done twice.",
        frozenset({"cronjobs.batch"}),
        change=_changed(_suspend),
    ),
    Transform(
        "quarantine-autoscalers",
        "With --quarantine, autoscalers are left out: a clone keeps the size it had, and takes no work from a queue that it"
        " shares with the original.",
        _AUTOSCALERS,
        refuse=_left_out("a clone keeps the size it had"),
    ),
    Transform(
        "quarantine-webhooks",
        "With --quarantine, webhooks, admission policies and API services are left out, because they act on the whole"
        " cluster.",
        _WEBHOOKS,
        refuse=_left_out("it would act on the whole cluster"),
    ),
    Transform(
        "quarantine-cluster-rights",
        "With --quarantine, ClusterRoleBindings are left out: the clone of an operator with rights in the whole cluster"
        " would act on the originals.",
        _kinds("rbac.authorization.k8s.io", "clusterrolebindings"),
        refuse=_left_out("the clone would have rights in the whole cluster"),
    ),
    Transform(
        "quarantine-deployers",
        "With --quarantine, objects that make Argo CD, Flux, Fleet or a Helm controller deploy are left out: a copy would"
        " deploy over the original.",
        _DEPLOYERS,
        refuse=_left_out("a copy would deploy over the original"),
    ),
    Transform(
        "quarantine-network-policies",
        "With --quarantine, network policies are left out: policies add up, so each would open again what the quarantine's"
        " own policy closes.",
        _NETWORK_POLICIES,
        refuse=_left_out("it would open what the quarantine closes"),
    ),
    Transform(
        "quarantine-volumes",
        "With --quarantine, PersistentVolumes are left out, because they lead to the original's storage.",
        frozenset({"persistentvolumes"}),
        refuse=_left_out("it leads to the original's storage"),
    ),
    Transform(
        "quarantine-claims",
        "With --quarantine, claims name and select no volume, so that they get new ones and not the original's.",
        frozenset({"persistentvolumeclaims"}),
        change=_changed(_free_claim),
    ),
)


def changed_by_quarantine(group_resource: str, original: Object, context: Context) -> list[str]:
    """Ids of the rows that make a difference to a backup's object."""
    found = []
    for row in QUARANTINE if context.quarantine else ():
        if row.change and row.concerns(group_resource):
            desired: Object = copied(original)
            row.change(desired, context)
            if desired != original:
                found.append(row.id)
    return found

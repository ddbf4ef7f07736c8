"""What objects name in their own namespace. What they need beyond it is in `holdfast.objects.companions`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from holdfast.model.kubernetes import ObjectKey
from holdfast.objects.fields import at, items, text
from holdfast.objects.relations.document import Document
from holdfast.objects.relations.pods import POD_KINDS
from holdfast.objects.relations.references import ACCOUNTS, CLAIMS, CONFIG_MAPS, PULL_SECRETS, SECRETS
from holdfast.objects.relations.rule import NamingRule, Way

DEFAULT_ACCOUNT = "default"
ROUTES = frozenset(f"{kind}routes.gateway.networking.k8s.io" for kind in ("grpc", "http", "tcp", "tls", "udp"))
CERTIFICATES = "certificates.cert-manager.io"
INGRESSES = "ingresses.networking.k8s.io"
ROLE_BINDINGS = "rolebindings.rbac.authorization.k8s.io"

_AUTHENTICATION_ANNOTATIONS = ("auth-secret", "auth-tls-secret", "proxy-ssl-secret")
_KEDA = "keda.sh"


def _references(sort: str) -> Callable[[Document], Iterator[ObjectKey]]:
    plural = SECRETS if sort == PULL_SECRETS else sort

    def names(document: Document) -> Iterator[ObjectKey]:
        yield from (document.beside("", plural, found.name) for found in document.references if found.sort == sort)

    return names


def _accounts(document: Document) -> Iterator[ObjectKey]:
    yield from _references(ACCOUNTS)(document)
    for _, spec in document.pod_templates:
        name = text(spec, "serviceAccountName") or text(spec, "serviceAccount") or DEFAULT_ACCOUNT
        yield document.beside("", ACCOUNTS, name)


def _pull_secrets(document: Document) -> Iterator[ObjectKey]:
    yield from _references(PULL_SECRETS)(document)
    for found in items(document.body, "imagePullSecrets"):
        yield document.beside("", SECRETS, text(found, "name"))


def _account_secrets(document: Document) -> Iterator[ObjectKey]:
    for found in items(document.body, "secrets"):
        yield document.beside("", SECRETS, text(found, "name"))


def _provider_classes(document: Document) -> Iterator[ObjectKey]:
    for _, spec in document.pod_templates:
        for volume in items(spec, "volumes"):
            if name := text(volume, "csi", "volumeAttributes", "secretProviderClass"):
                yield document.beside("secrets-store.csi.x-k8s.io", "secretproviderclasses", name)


def _resource_claims(document: Document) -> Iterator[ObjectKey]:
    for _, spec in document.pod_templates:
        for found in items(spec, "resourceClaims"):
            if name := text(found, "resourceClaimName"):
                yield document.beside("resource.k8s.io", "resourceclaims", name)
            if name := text(found, "resourceClaimTemplateName"):
                yield document.beside("resource.k8s.io", "resourceclaimtemplates", name)


def _headless_service(document: Document) -> Iterator[ObjectKey]:
    if name := text(document.spec, "serviceName"):
        yield document.beside("", "services", name)


def _tls_secrets(document: Document) -> Iterator[ObjectKey]:
    for found in items(document.spec, "tls"):
        yield document.beside("", SECRETS, text(found, "secretName"))
    for listener in items(document.spec, "listeners"):
        for found in items(listener, "tls", "certificateRefs"):
            if text(found, "kind") in ("", "Secret"):
                yield ObjectKey("", SECRETS, text(found, "namespace") or document.seen.namespace, text(found, "name"))


def _authentication_secrets(document: Document) -> Iterator[ObjectKey]:
    """Ingress NGINX writes `name` or `namespace/name`."""
    for annotation in _AUTHENTICATION_ANNOTATIONS:
        value = document.seen.annotations.get(f"nginx.ingress.kubernetes.io/{annotation}", "")
        namespace, slash, name = value.rpartition("/")
        yield ObjectKey("", SECRETS, namespace if slash else document.seen.namespace, name)


def _gateways(document: Document) -> Iterator[ObjectKey]:
    for parent in items(document.spec, "parentRefs"):
        if found := document.referred(parent, group="gateway.networking.k8s.io", kind="Gateway"):
            yield found


def _role(document: Document) -> Iterator[ObjectKey]:
    role = at(document.body, "roleRef")
    if text(role, "kind") == "Role":
        yield document.beside("rbac.authorization.k8s.io", "roles", text(role, "name"))


def _template_owner(document: Document) -> Iterator[ObjectKey]:
    if found := document.referred(at(document.spec, "workloadRef")):
        yield found


def _trigger_authentications(document: Document) -> Iterator[ObjectKey]:
    for trigger in items(document.spec, "triggers"):
        if found := document.referred(at(trigger, "authenticationRef"), group=_KEDA, kind="TriggerAuthentication"):
            yield found


def _issuer(document: Document) -> Iterator[ObjectKey]:
    if found := document.referred(at(document.spec, "issuerRef"), group="cert-manager.io", kind="Issuer"):
        yield found


def owners(document: Document) -> Iterator[ObjectKey]:
    for owner in document.seen.metadata.owner_references or ():
        group = owner.api_version.rpartition("/")[0]
        if found := document.kinds.key(group, owner.kind, document.seen.namespace, owner.name):
            yield found


NAMED: tuple[NamingRule, ...] = (
    NamingRule(
        id="image-pull-secrets",
        what="Secrets in `imagePullSecrets` of a pod template, a ServiceAccount or a custom resource",
        reason="image pull secret of",
        kinds=POD_KINDS | {ACCOUNTS},
        custom=True,
        names=_pull_secrets,
    ),
    NamingRule(
        id="config-maps",
        what="ConfigMaps that volumes (projected ones, too) and environments of a pod template name, or fields such as"
        " `configMapRef` of a custom resource",
        reason="configuration of",
        kinds=POD_KINDS,
        custom=True,
        names=_references(CONFIG_MAPS),
    ),
    NamingRule(
        id="secrets",
        what="Secrets, likewise: `secretName`, `secretRef`, `secretKeyRef` and whatever ends so",
        reason="secret of",
        kinds=POD_KINDS,
        custom=True,
        names=_references(SECRETS),
    ),
    NamingRule(
        id="accounts",
        what="the ServiceAccount of a pod template; without one it is `default`",
        reason="account of",
        kinds=POD_KINDS,
        custom=True,
        names=_accounts,
    ),
    NamingRule(
        id="account-secrets",
        what="Secrets in `secrets` of a ServiceAccount",
        reason="secret of",
        kinds=frozenset({ACCOUNTS}),
        names=_account_secrets,
    ),
    NamingRule(
        id="claims",
        what="PersistentVolumeClaims in volumes of a pod template, or in `claimName` of a custom resource",
        reason="claim of",
        kinds=POD_KINDS,
        custom=True,
        names=_references(CLAIMS),
    ),
    NamingRule(
        id="provider-classes",
        what="the SecretProviderClass of a volume of the secrets store",
        reason="secret provider of",
        kinds=POD_KINDS,
        custom=True,
        names=_provider_classes,
    ),
    NamingRule(
        id="resource-claims",
        what="ResourceClaims and ResourceClaimTemplates that a pod template names",
        reason="resource claim of",
        kinds=POD_KINDS,
        custom=True,
        names=_resource_claims,
    ),
    NamingRule(
        id="headless-services",
        what="the Service that a StatefulSet names in `serviceName`",
        reason="gives names to the pods of",
        kinds=frozenset({"statefulsets.apps"}),
        names=_headless_service,
    ),
    NamingRule(
        id="tls-secrets",
        what="TLS Secrets of an Ingress or a Gateway",
        reason="TLS secret of",
        kinds=frozenset({INGRESSES, "gateways.gateway.networking.k8s.io"}),
        names=_tls_secrets,
    ),
    NamingRule(
        id="authentication-secrets",
        what="Secrets in annotations of an Ingress: "
        + ", ".join(f"`nginx.ingress.kubernetes.io/{name}`" for name in _AUTHENTICATION_ANNOTATIONS),
        reason="authentication secret of",
        kinds=frozenset({INGRESSES}),
        names=_authentication_secrets,
    ),
    NamingRule(
        id="gateways",
        what="the Gateway of an HTTPRoute or another route",
        reason="gateway of",
        kinds=ROUTES,
        names=_gateways,
    ),
    NamingRule(
        id="roles",
        what="the Role that a RoleBinding names",
        reason="role of",
        kinds=frozenset({ROLE_BINDINGS}),
        names=_role,
    ),
    NamingRule(
        id="template-owners",
        what="the Deployment whose pods an Argo Rollout takes over (`workloadRef`)",
        reason="has the pod template of",
        kinds=frozenset({"rollouts.argoproj.io"}),
        names=_template_owner,
        way=Way.WORKLOAD,
    ),
    NamingRule(
        id="trigger-authentications",
        what="the TriggerAuthentication of KEDA's ScaledObject or ScaledJob",
        reason="authentication of",
        kinds=frozenset({f"scaledobjects.{_KEDA}", f"scaledjobs.{_KEDA}"}),
        names=_trigger_authentications,
    ),
    NamingRule(
        id="issuers",
        what="the Issuer or ClusterIssuer of cert-manager's Certificate",
        reason="issuer of",
        kinds=frozenset({CERTIFICATES}),
        names=_issuer,
    ),
    NamingRule(
        id="owners",
        what="the owners of an object (`ownerReferences`), of any kind",
        reason="owner of",
        every=True,
        names=owners,
        way=Way.OWNER,
    ),
)

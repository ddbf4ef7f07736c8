"""An application around one Deployment, and neighbours in the same namespace that look like it and do not belong to it."""

RBAC = "rbac.authorization.k8s.io"
CONTAINER = {"name": "main", "image": "registry.example.com/web:1"}


class Builder:
    """Objects of one namespace, as a user would write them."""

    def __init__(self, namespace, stem):
        self.namespace = namespace
        self.stem = stem  # goes into names of cluster-scoped objects

    def make(self, version, kind, name, *, cluster=False, metadata=None, **fields):
        place = {} if cluster else {"namespace": self.namespace}
        return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **place, **(metadata or {})}, **fields}

    def config_map(self, name, **metadata):
        return self.make("v1", "ConfigMap", name, metadata=metadata, data={"colour": "blue"})

    def secret(self, name, kind="Opaque", **data):
        return self.make("v1", "Secret", name, type=kind, stringData=data or {"password": "hunter2"})

    def claim(self, name):
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
        return self.make("v1", "PersistentVolumeClaim", name, spec=spec)

    def runner(self, kind, name, *, metadata=None, spec=None, **pod):
        labels = {"app": name}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [CONTAINER], **pod}}
        every = {"selector": {"matchLabels": labels}, "template": template, **(spec or {})}
        return self.make("apps/v1", kind, name, metadata=metadata, spec=every)

    def service(self, name, app, **spec):
        ports = [{"port": 80}]
        return self.make("v1", "Service", name, spec={"selector": {"app": app}, "ports": ports, **spec})

    def ingress(self, name, service, **spec):
        backend = {"service": {"name": service, "port": {"number": 80}}}
        return self.make("networking.k8s.io/v1", "Ingress", name, spec={"defaultBackend": backend, **spec})

    def autoscaler(self, name, target):
        reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}
        return self.make(
            "autoscaling/v2", "HorizontalPodAutoscaler", name, spec={"scaleTargetRef": reference, "maxReplicas": 3}
        )

    def budget(self, name, app):
        spec = {"maxUnavailable": 1, "selector": {"matchLabels": {"app": app}}}
        return self.make("policy/v1", "PodDisruptionBudget", name, spec=spec)

    def policy(self, name, **labels):
        selector = {"matchLabels": labels} if labels else {}
        return self.make("networking.k8s.io/v1", "NetworkPolicy", name, spec={"podSelector": selector})

    def account(self, name, **fields):
        return self.make("v1", "ServiceAccount", name, **fields)

    def role(self, kind, name):
        cluster = kind == "ClusterRole"
        rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
        return self.make(f"{RBAC}/v1", kind, name, cluster=cluster, rules=[rule])

    def binding(self, kind, name, role, *accounts):
        cluster = kind == "ClusterRoleBinding"
        reference = {"apiGroup": RBAC, "kind": "ClusterRole" if cluster else "Role", "name": role}
        subjects = [{"kind": "ServiceAccount", "name": each, "namespace": self.namespace} for each in accounts]
        return self.make(f"{RBAC}/v1", kind, name, cluster=cluster, roleRef=reference, subjects=subjects)

    def helm_release(self, release, revision):
        name = f"sh.helm.release.v1.{release}.v{revision}"
        return self.secret(name, "helm.sh/release.v1", release=f"revision {revision}")

    def widget(self, name, **spec):
        return self.make("backup.example.com/v1", "Widget", name, spec=spec)

    def priority(self, name):
        return self.make("scheduling.k8s.io/v1", "PriorityClass", name, cluster=True, value=1000)

    def workload(self):
        """The Deployment `web`, which names, in every way there is, what `related` gives."""
        environment = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "token", "key": "password"}}}
        return self.runner(
            "Deployment",
            "web",
            metadata={
                "annotations": {"meta.helm.sh/release-name": "store", "meta.helm.sh/release-namespace": self.namespace}
            },
            serviceAccountName="web",
            imagePullSecrets=[{"name": "registry"}],
            priorityClassName=f"{self.stem}-urgent",
            runtimeClassName=f"{self.stem}-sandbox",
            initContainers=[{**CONTAINER, "name": "first", "env": [environment]}],
            containers=[
                {**CONTAINER, "envFrom": [{"configMapRef": {"name": "env"}}, {"secretRef": {"name": "login"}}]}
            ],
            volumes=[
                {"name": "settings", "configMap": {"name": "settings"}},
                {"name": "keys", "secret": {"secretName": "keys"}},
                {"name": "uploads", "persistentVolumeClaim": {"claimName": "uploads"}},
                {
                    "name": "all",
                    "projected": {"sources": [{"configMap": {"name": "extra"}}, {"secret": {"name": "projected"}}]},
                },
                {"name": "maybe", "configMap": {"name": "not-there", "optional": True}},
            ],
        )

    def related(self):
        """What the workload lives on, in an order in which it can be created."""
        return [
            self.priority(f"{self.stem}-urgent"),
            self.make("node.k8s.io/v1", "RuntimeClass", f"{self.stem}-sandbox", cluster=True, handler="sandbox"),
            self.make(
                "networking.k8s.io/v1",
                "IngressClass",
                f"{self.stem}-edge",
                cluster=True,
                spec={"controller": "example.com/edge"},
            ),
            self.role("ClusterRole", f"{self.stem}:web"),
            self.binding("ClusterRoleBinding", f"{self.stem}:web", f"{self.stem}:web", "web", "stranger"),
            *(self.config_map(name) for name in ("settings", "env", "extra")),
            *(
                self.secret(name)
                for name in ("registry", "login", "keys", "projected", "token", "account-login", "tls")
            ),
            self.helm_release("store", 1),
            self.helm_release("store", 2),
            self.account("web", imagePullSecrets=[{"name": "account-login"}]),
            self.role("Role", "web"),
            self.binding("RoleBinding", "web", "web", "web", "stranger"),
            self.claim("uploads"),
            self.service("web", "web"),
            self.service("web-admin", "web", clusterIP="None"),
            self.ingress("web", "web", ingressClassName=f"{self.stem}-edge", tls=[{"secretName": "tls"}]),
            self.autoscaler("web", "web"),
            self.budget("web", "web"),
            self.policy("web", app="web"),
            self.policy("everybody"),
            self.widget("advice", targetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}),
        ]

    def reasons(self):
        """{object: why it belongs to the workload}, without what the cluster itself makes."""
        at, stem = self.namespace, self.stem
        web = f"deployments.apps/{at}/web"
        bindings = f"clusterrolebindings.{RBAC}/{stem}:web"
        return {
            f"namespaces/{at}": "holds selected objects",
            web: "named in the selection",
            **{f"configmaps/{at}/{name}": f"configuration of {web}" for name in ("settings", "env", "extra")},
            **{f"secrets/{at}/{name}": f"secret of {web}" for name in ("login", "keys", "projected", "token")},
            f"secrets/{at}/registry": f"image pull secret of {web}",
            f"secrets/{at}/account-login": f"image pull secret of serviceaccounts/{at}/web",
            f"secrets/{at}/tls": f"TLS secret of ingresses.networking.k8s.io/{at}/web",
            f"secrets/{at}/sh.helm.release.v1.store.v1": f"Helm release of {web}",
            f"secrets/{at}/sh.helm.release.v1.store.v2": f"Helm release of {web}",
            f"serviceaccounts/{at}/web": f"account of {web}",
            f"roles.{RBAC}/{at}/web": f"role of rolebindings.{RBAC}/{at}/web",
            f"rolebindings.{RBAC}/{at}/web": f"binds serviceaccounts/{at}/web",
            f"clusterroles.{RBAC}/{stem}:web": f"role of {bindings}",
            bindings: f"binds serviceaccounts/{at}/web",
            f"persistentvolumeclaims/{at}/uploads": f"claim of {web}",
            "storageclasses.storage.k8s.io/standard": f"storage class of persistentvolumeclaims/{at}/uploads",
            f"services/{at}/web": f"selects the pods of {web}",
            f"services/{at}/web-admin": f"selects the pods of {web}",
            f"ingresses.networking.k8s.io/{at}/web": f"routes to services/{at}/web",
            f"ingressclasses.networking.k8s.io/{stem}-edge": f"ingress class of ingresses.networking.k8s.io/{at}/web",
            f"horizontalpodautoscalers.autoscaling/{at}/web": f"scales {web}",
            f"poddisruptionbudgets.policy/{at}/web": f"limits disruptions of {web}",
            f"networkpolicies.networking.k8s.io/{at}/web": f"filters the traffic of {web}",
            f"networkpolicies.networking.k8s.io/{at}/everybody": f"filters the traffic of {web}",
            f"widgets.backup.example.com/{at}/advice": f"applies to {web}",
            "customresourcedefinitions.apiextensions.k8s.io/widgets.backup.example.com": (
                f"defines widgets.backup.example.com/{at}/advice"
            ),
            f"priorityclasses.scheduling.k8s.io/{stem}-urgent": f"priority class of {web}",
            f"runtimeclasses.node.k8s.io/{stem}-sandbox": f"runtime class of {web}",
        }

    def neighbours(self):
        """What lies beside it. The Deployment `other` shares a ConfigMap, a Secret and a NetworkPolicy with the workload."""
        return [
            self.runner(
                "Deployment",
                "other",
                metadata={"annotations": {"meta.helm.sh/release-name": "other"}},
                serviceAccountName="other",
                volumes=[
                    {"name": "settings", "configMap": {"name": "settings"}},
                    {"name": "keys", "secret": {"secretName": "keys"}},
                    {"name": "own", "configMap": {"name": "other"}},
                ],
            ),
            self.runner("StatefulSet", "web-2", spec={"serviceName": "other"}),
            self.runner("DaemonSet", "agent"),
            self.config_map("other"),
            self.config_map("web"),
            self.secret("other"),
            self.secret("web"),
            self.helm_release("other", 1),
            self.helm_release("store.old", 1),
            self.account("other"),
            self.account("stranger"),
            self.role("Role", "other"),
            self.binding("RoleBinding", "other", "other", "other", "default"),
            self.role("ClusterRole", f"{self.stem}:other"),
            self.binding("ClusterRoleBinding", f"{self.stem}:other", f"{self.stem}:other", "other"),
            self.priority(f"{self.stem}-idle"),
            self.claim("other"),
            self.service("other", "other"),
            self.ingress("other", "other"),
            self.autoscaler("other", "other"),
            self.budget("other", "other"),
            self.policy("other", app="other"),
            self.widget("other", targetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"}),
        ]

"""The scenarios of the rows for `--quarantine`, see `scenarios`. Kinds that no server here serves are in the unit tests."""

from __future__ import annotations

from tests.restore.transforms.more_scenarios import serve
from tests.restore.transforms.scenarios import (
    account_in,
    binding,
    claim,
    config_map,
    into,
    obj,
    pod_spec,
    row,
    service,
    volume,
)
from tests.restore.transforms.stage import Stage, Table

from holdfast.objects.fields import Object, name_of


def closed(stage: Stage) -> object:
    return stage.context(quarantine=True)


def restored(stage: Stage, transforms: Table, thing: Object) -> Object | None:
    backup = stage.make(thing)
    stage.delete(backup)
    return stage.restore(backup, transforms, closed(stage))


@row("quarantine-namespace")
def namespace_is_known_as_quarantine(stage: Stage, transforms: Table) -> None:
    backup = stage.read(obj("v1", "Namespace", stage.namespace))
    mapping = into(stage, other := stage.unique("other"))

    made = stage.restore(backup, transforms, stage.context(mapping, quarantine=True))

    assert name_of(made) == other
    assert made["metadata"]["labels"].get("holdfast.dev/quarantine") == "true"


@row("quarantine-services")
def service_has_an_inner_address(stage: Stage, transforms: Table) -> None:
    exposed = {
        "type": "LoadBalancer",
        "externalTrafficPolicy": "Local",
        "loadBalancerIP": "192.0.2.1",
        "loadBalancerClass": "example.com/lb",
        "externalIPs": ["192.0.2.2"],
    }
    backup = stage.make(service(**exposed))
    stage.delete(backup)

    made = stage.restore(backup, transforms, closed(stage))

    assert made["spec"]["type"] == "ClusterIP"
    assert "nodePort" not in made["spec"]["ports"][0]
    assert not made["spec"].keys() & {"externalIPs", "healthCheckNodePort", "loadBalancerIP", "loadBalancerClass"}
    assert stage.update(backup, transforms, closed(stage))["spec"] == made["spec"]


@row("quarantine-dns-and-certificates")
def service_asks_for_no_name(stage: Stage, transforms: Table) -> None:
    named = service()
    named["metadata"]["annotations"] = {"external-dns.alpha.kubernetes.io/hostname": "shop.example.com"}

    assert "annotations" not in restored(stage, transforms, named)["metadata"]


@row("quarantine-owner-marks")
def object_belongs_to_no_application(stage: Stage, transforms: Table) -> None:
    labels = {"argocd.argoproj.io/instance": "shop", "app.kubernetes.io/instance": "shop"}

    made = restored(stage, transforms, config_map(metadata={"labels": labels}))

    assert made["metadata"]["labels"] == {"app.kubernetes.io/instance": "shop"}


@row("quarantine-entrances")
def ingress_is_left_out(stage: Stage, transforms: Table) -> None:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    ingress = obj("networking.k8s.io/v1", "Ingress", "web", spec={"defaultBackend": backend})

    assert restored(stage, transforms, ingress) is None


@row("quarantine-certificates")
def certificate_is_left_out(stage: Stage, transforms: Table) -> None:
    serve(stage, "cert-manager.io", "certificates", "Certificate")

    assert restored(stage, transforms, obj("cert-manager.io/v1", "Certificate", "web", spec={})) is None


@row("quarantine-cron-jobs")
def cron_job_stays_suspended(stage: Stage, transforms: Table) -> None:
    template = {"spec": {"template": {"spec": pod_spec(restartPolicy="Never")}}}
    yearly = obj("batch/v1", "CronJob", "yearly", spec={"schedule": "0 0 1 1 *", "jobTemplate": template})

    assert restored(stage, transforms, yearly)["spec"]["suspend"] is True


@row("quarantine-autoscalers")
def autoscaler_is_left_out(stage: Stage, transforms: Table) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"maxReplicas": 3, "scaleTargetRef": target}

    assert restored(stage, transforms, obj("autoscaling/v2", "HorizontalPodAutoscaler", "web", spec=spec)) is None


@row("quarantine-webhooks")
def webhook_is_left_out(stage: Stage, transforms: Table) -> None:
    hook = obj("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", stage.unique("check"), webhooks=[])

    assert restored(stage, transforms, hook) is None


@row("quarantine-cluster-rights")
def clone_gets_no_rights_in_the_cluster(stage: Stage, transforms: Table) -> None:
    rights = binding("ClusterRoleBinding", stage.unique("viewers"), account_in(stage.namespace))

    assert restored(stage, transforms, rights) is None


@row("quarantine-deployers")
def application_is_left_out(stage: Stage, transforms: Table) -> None:
    serve(stage, "argoproj.io", "applicationsets", "ApplicationSet")

    assert restored(stage, transforms, obj("argoproj.io/v1", "ApplicationSet", "shop", spec={})) is None


@row("quarantine-network-policies")
def network_policy_is_left_out(stage: Stage, transforms: Table) -> None:
    policy = obj("networking.k8s.io/v1", "NetworkPolicy", "open", spec={"podSelector": {}, "ingress": [{}]})

    assert restored(stage, transforms, policy) is None


@row("quarantine-volumes")
def volume_is_left_out(stage: Stage, transforms: Table) -> None:
    assert restored(stage, transforms, volume(stage.unique("pv"))) is None


@row("quarantine-claims")
def claim_does_not_take_a_free_volume(stage: Stage, transforms: Table) -> None:
    name = stage.unique("pv")
    backup = stage.make(claim(spec={"volumeName": name, "selector": {"matchLabels": {"a": "b"}}}))
    stage.delete(backup)
    stage.make(volume(name, metadata={"labels": {"a": "b"}}))

    spec = stage.restore(backup, transforms, closed(stage))["spec"]

    assert not spec.keys() & {"volumeName", "selector"}

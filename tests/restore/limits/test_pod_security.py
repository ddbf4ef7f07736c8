"""The table of Pod Security controls against the API server's own verdict, for every control and pods of every sort."""

from __future__ import annotations

import pytest
from tests.restore_lab import Lab, obj

from holdfast.errors import ApiRefused
from holdfast.objects.limits.pod_security import CONTROLS, Level, violations

pytestmark = pytest.mark.cluster

LABEL = "pod-security.kubernetes.io/enforce"


def container(name="main", **fields):
    context = {
        "allowPrivilegeEscalation": False,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    context |= fields.pop("securityContext", {})
    return {"name": name, "image": "none.invalid/none:1", "securityContext": context, **fields}


def good(**spec):
    return {"containers": [container()], **spec}


def secured(**context):
    """A good pod whose container has another security context."""
    return good(containers=[container(securityContext=context)])


def without(*fields):
    spec = good()
    for field in fields:
        del spec["containers"][0]["securityContext"][field]
    return spec


def windows(**spec):
    context = {"runAsNonRoot": True}
    return {
        "os": {"name": "windows"},
        "containers": [{"name": "main", "image": "none.invalid/none:1", "securityContext": context}],
        **spec,
    }


def volume(**source):
    return good(volumes=[{"name": "data", **source}])


def probing(**fields):
    return good(containers=[container(**fields)])


HTTP = {"httpGet": {"port": 80, "host": "127.0.0.1"}}
SPECS = {
    "good": good(),
    "hostNetwork": good(hostNetwork=True),
    "hostPID": good(hostPID=True),
    "hostIPC": good(hostIPC=True),
    "hostNetwork false": good(hostNetwork=False),
    "host process of the pod": windows(
        hostNetwork=True, securityContext={"windowsOptions": {"hostProcess": True}, "runAsNonRoot": True}
    ),
    "windows": windows(),
    "windows as root": {**windows(), "containers": [{"name": "main", "image": "none.invalid/none:1"}]},
    "privileged": secured(privileged=True, allowPrivilegeEscalation=True),
    "privileged false": secured(privileged=False),
    "privileged while it initialises": good(
        initContainers=[container("first", securityContext={"privileged": True, "allowPrivilegeEscalation": True})]
    ),
    "adds CHOWN": secured(capabilities={"drop": ["ALL"], "add": ["CHOWN"]}),
    "adds NET_BIND_SERVICE": secured(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}),
    "adds SYS_ADMIN": secured(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
    "adds NET_RAW": secured(capabilities={"add": ["NET_RAW"]}),
    "drops nothing": without("capabilities"),
    "drops one": secured(capabilities={"drop": ["KILL"]}),
    "drops all and more": secured(capabilities={"drop": ["KILL", "ALL"]}),
    "hostPath": volume(hostPath={"path": "/"}),
    "emptyDir": volume(emptyDir={}),
    "secret": volume(secret={"secretName": "x"}),
    "configMap": volume(configMap={"name": "x"}),
    "downwardAPI": volume(downwardAPI={"items": []}),
    "projected": volume(projected={"sources": []}),
    "claim": volume(persistentVolumeClaim={"claimName": "x"}),
    "ephemeral": volume(
        ephemeral={
            "volumeClaimTemplate": {
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
            }
        }
    ),
    "csi": volume(csi={"driver": "csi.example.com"}),
    "nfs": volume(nfs={"server": "192.0.2.1", "path": "/"}),
    "iscsi": volume(iscsi={"targetPortal": "192.0.2.1", "iqn": "iqn.2001-04.com.example:x", "lun": 0}),
    "image": volume(image={"reference": "none.invalid/none:1"}),
    "hostPort": probing(ports=[{"containerPort": 80, "hostPort": 80}]),
    "port": probing(ports=[{"containerPort": 80}]),
    "AppArmor unconfined": secured(appArmorProfile={"type": "Unconfined"}),
    "AppArmor default": secured(appArmorProfile={"type": "RuntimeDefault"}),
    "AppArmor of this machine": secured(appArmorProfile={"type": "Localhost", "localhostProfile": "x"}),
    "AppArmor unconfined for the pod": good(securityContext={"appArmorProfile": {"type": "Unconfined"}}),
    "SELinux type": secured(seLinuxOptions={"type": "spc_t"}),
    "SELinux container type": secured(seLinuxOptions={"type": "container_t"}),
    "SELinux engine type": secured(seLinuxOptions={"type": "container_engine_t"}),
    "SELinux level": secured(seLinuxOptions={"level": "s0:c123,c456"}),
    "SELinux user": secured(seLinuxOptions={"user": "u"}),
    "SELinux role for the pod": good(securityContext={"seLinuxOptions": {"role": "r"}}),
    "procMount default": secured(procMount="Default"),
    "procMount unmasked": good(hostUsers=False, containers=[container(securityContext={"procMount": "Unmasked"})]),
    "seccomp unconfined": secured(seccompProfile={"type": "Unconfined"}),
    "seccomp of this machine": secured(seccompProfile={"type": "Localhost", "localhostProfile": "x"}),
    "seccomp unconfined for the pod": good(securityContext={"seccompProfile": {"type": "Unconfined"}}),
    "seccomp of the pod only": {
        **without("seccompProfile"),
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
    },
    "no seccomp": without("seccompProfile"),
    "safe sysctl": good(securityContext={"sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]}),
    "newer safe sysctl": good(securityContext={"sysctls": [{"name": "net.ipv4.tcp_rmem", "value": "1 2 3"}]}),
    "unsafe sysctl": good(securityContext={"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}),
    "probe of a host": probing(livenessProbe=HTTP),
    "probe of a socket": probing(readinessProbe={"tcpSocket": {"port": 80, "host": "192.0.2.1"}}),
    "probe of itself": probing(startupProbe={"httpGet": {"port": 80}}),
    "hook to a host": probing(lifecycle={"preStop": HTTP}),
    "escalation allowed": secured(allowPrivilegeEscalation=True),
    "escalation not mentioned": without("allowPrivilegeEscalation"),
    "may be root": without("runAsNonRoot"),
    "may be root in one of two": good(
        containers=[container(), container("other", securityContext={"runAsNonRoot": False})]
    ),
    "not root by the pod": {**without("runAsNonRoot"), "securityContext": {"runAsNonRoot": True}},
    "root against the pod": {**secured(runAsNonRoot=False), "securityContext": {"runAsNonRoot": True}},
    "user 0": secured(runAsUser=0),
    "user 0 for the pod": good(securityContext={"runAsUser": 0}),
    "user 1000": secured(runAsUser=1000),
}
ANNOTATED = {
    "AppArmor annotation unconfined": {"container.apparmor.security.beta.kubernetes.io/main": "unconfined"},
    "AppArmor annotation default": {"container.apparmor.security.beta.kubernetes.io/main": "runtime/default"},
}
PODS = {
    **{what: obj("v1", "Pod", "tried", spec=spec) for what, spec in SPECS.items()},
    **{
        what: obj("v1", "Pod", "tried", metadata={"annotations": notes}, spec=good())
        for what, notes in ANNOTATED.items()
    },
}


@pytest.fixture(scope="module")
def labs(cluster):
    """A namespace for each level."""
    lab = Lab(cluster)
    yield {
        level: lab.new_namespace("secured", labels={LABEL: level.name.lower()})
        for level in (Level.BASELINE, Level.RESTRICTED)
    }
    lab.close()


def verdict(lab, pod):
    """The server's text about Pod Security; "" if it lets the pod in. Not what is wrong with the pod otherwise."""
    try:
        lab.send("POST", lab.path(pod).rpartition("/")[0], pod, {"dryRun": "All"})
    except ApiRefused as refusal:
        text = refusal.why
    else:
        return ""
    assert "violates PodSecurity" in text
    return text


@pytest.mark.parametrize("level", [Level.BASELINE, Level.RESTRICTED], ids=lambda level: level.name.lower())
@pytest.mark.parametrize("what", PODS)
def test_table_judges_as_the_server_does(labs, what, level):
    pod = PODS[what]

    text = verdict(labs[level], pod)
    found = violations(level, pod["metadata"], pod["spec"])

    assert bool(found) == bool(text), (found, text)
    assert [name for name in found if name not in text] == []


def test_every_control_is_broken_by_some_pod_and_kept_by_another():
    for row in CONTROLS:
        broken = [row.violated(pod["metadata"], pod["spec"]) for pod in PODS.values()]
        assert any(broken), row.name
        assert not all(broken), row.name

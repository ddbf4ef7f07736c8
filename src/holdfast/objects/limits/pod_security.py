"""The Pod Security Standards, control by control, as the API server's admission judges a pod.

https://kubernetes.io/docs/concepts/security/pod-security-standards/ in their latest version. What a cluster exempts by its
own configuration cannot be seen from outside, so this foretells, and the API server decides.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from holdfast.objects.fields import Object, at, items
from holdfast.objects.limits.pods import containers

_LABELS = "pod-security.kubernetes.io"
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)
_SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
_PROFILES = frozenset({"RuntimeDefault", "Localhost"})
_VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)


class Level(IntEnum):
    PRIVILEGED = 0
    BASELINE = 1
    RESTRICTED = 2


class Control(NamedTuple):
    """`violated` says whether a pod, by its metadata and spec, breaks the control; `name` is the server's word for it."""

    name: str
    level: Level
    violated: Callable[[Object, Object], bool]


def level_of(namespace: Object, mode: str) -> Level:
    """What a live namespace demands by its labels; `mode` is `enforce` or `warn`."""
    label = str(at(namespace, "metadata", "labels").get(f"{_LABELS}/{mode}", "")).upper()
    return Level[label] if label in Level.__members__ else Level.PRIVILEGED


def violations(level: Level, metadata: Object, spec: Object) -> list[str]:
    """Names of the controls of `level`, and of those below, that a pod breaks; the stricter of two like ones."""
    covered = _COVERED if level is Level.RESTRICTED else frozenset()
    rows = (row for row in CONTROLS if row.level <= level and row.name not in covered)
    found = (row.name for row in rows if row.violated(metadata, spec))
    return list(dict.fromkeys(found))


def _security(container: Object) -> Object:
    return at(container, "securityContext")


def _any_container(breaks: Callable[[Object], bool]) -> Callable[[Object, Object], bool]:
    return lambda _, spec: any(breaks(container) for container in containers(spec))


def _any_context(breaks: Callable[[Object], bool]) -> Callable[[Object, Object], bool]:
    """The security context of the pod, or of one of its containers."""
    return lambda _, spec: any(breaks(_security(each)) for each in (spec, *containers(spec)))


def _host_namespaces(_: Object, spec: Object) -> bool:
    return any(spec.get(field) for field in ("hostNetwork", "hostPID", "hostIPC"))


def _host_path(_: Object, spec: Object) -> bool:
    return any("hostPath" in volume for volume in items(spec, "volumes"))


def _host_port(container: Object) -> bool:
    return any(port.get("hostPort") for port in items(container, "ports"))


def _added(container: Object) -> set[str]:
    return set(at(container, "securityContext", "capabilities").get("add") or ())


def _apparmor_annotation(metadata: Object) -> bool:
    annotations = at(metadata, "annotations")
    profiles = [str(value) for name, value in annotations.items() if name.startswith(_APPARMOR)]
    return any(profile not in ("", "runtime/default") and not profile.startswith("localhost/") for profile in profiles)


def _apparmor_field(context: Object) -> bool:
    return at(context, "appArmorProfile").get("type", "RuntimeDefault") not in _PROFILES


def _apparmor(metadata: Object, spec: Object) -> bool:
    return _apparmor_annotation(metadata) or _any_context(_apparmor_field)(metadata, spec)


def _selinux(context: Object) -> bool:
    options = at(context, "seLinuxOptions")
    return bool(options.get("type", "") not in _SELINUX_TYPES or options.get("user") or options.get("role"))


def _seccomp(context: Object) -> bool:
    return at(context, "seccompProfile").get("type", "RuntimeDefault") not in _PROFILES


def _sysctls(_: Object, spec: Object) -> bool:
    return any(each.get("name") not in _SYSCTLS for each in items(spec, "securityContext", "sysctls"))


def _handler_host(container: Object) -> bool:
    handlers = [
        *(at(container, probe) for probe in ("livenessProbe", "readinessProbe", "startupProbe")),
        *(at(container, "lifecycle", hook) for hook in ("postStart", "preStop")),
    ]
    return any(at(handler, way).get("host") for handler in handlers for way in ("httpGet", "tcpSocket"))


def _is_windows(spec: Object) -> bool:
    return at(spec, "os").get("name") == "windows"


def _volume_types(_: Object, spec: Object) -> bool:
    return any(not _VOLUMES & volume.keys() for volume in items(spec, "volumes"))


def _privilege_escalation(_: Object, spec: Object) -> bool:
    return not _is_windows(spec) and any(
        _security(each).get("allowPrivilegeEscalation") is not False for each in containers(spec)
    )


def _may_be_root(_: Object, spec: Object) -> bool:
    of_pod = _security(spec).get("runAsNonRoot")
    return any(_security(each).get("runAsNonRoot", of_pod) is not True for each in containers(spec))


def _runs_as_root(context: Object) -> bool:
    return context.get("runAsUser") == 0


def _no_seccomp(_: Object, spec: Object) -> bool:
    of_pod = at(spec, "securityContext", "seccompProfile").get("type")
    return not _is_windows(spec) and any(
        at(each, "securityContext", "seccompProfile").get("type", of_pod) not in _PROFILES for each in containers(spec)
    )


def _unrestricted_capabilities(_: Object, spec: Object) -> bool:
    return not _is_windows(spec) and any(
        "ALL" not in (at(each, "securityContext", "capabilities").get("drop") or ())
        or _added(each) - {"NET_BIND_SERVICE"}
        for each in containers(spec)
    )


CONTROLS: tuple[Control, ...] = (
    Control("host namespaces", Level.BASELINE, _host_namespaces),
    Control("hostProcess", Level.BASELINE, _any_context(lambda it: bool(at(it, "windowsOptions").get("hostProcess")))),
    Control("privileged", Level.BASELINE, _any_container(lambda it: bool(_security(it).get("privileged")))),
    Control("non-default capabilities", Level.BASELINE, _any_container(lambda it: bool(_added(it) - _CAPABILITIES))),
    Control("hostPath volumes", Level.BASELINE, _host_path),
    Control("hostPort", Level.BASELINE, _any_container(_host_port)),
    Control("AppArmor profile", Level.BASELINE, _apparmor),
    Control("seLinuxOptions", Level.BASELINE, _any_context(_selinux)),
    Control(
        "procMount", Level.BASELINE, _any_container(lambda it: _security(it).get("procMount", "Default") != "Default")
    ),
    Control("seccompProfile", Level.BASELINE, _any_context(_seccomp)),
    Control("forbidden sysctls", Level.BASELINE, _sysctls),
    Control("probe or lifecycle host", Level.BASELINE, _any_container(_handler_host)),
    Control("restricted volume types", Level.RESTRICTED, _volume_types),
    Control("allowPrivilegeEscalation != false", Level.RESTRICTED, _privilege_escalation),
    Control("runAsNonRoot != true", Level.RESTRICTED, _may_be_root),
    Control("runAsUser=0", Level.RESTRICTED, _any_context(_runs_as_root)),
    Control("seccompProfile", Level.RESTRICTED, _no_seccomp),
    Control("unrestricted capabilities", Level.RESTRICTED, _unrestricted_capabilities),
)

_COVERED = frozenset({"hostPath volumes", "non-default capabilities"})
"""Controls that have a stricter one in `restricted`, which the server names in their place."""

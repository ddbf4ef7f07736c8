"""What tenants try, and whether Kubernetes lets them."""

from holdfast.errors import ApiRefused
from holdfast.model.kubernetes import Resource


def kind(api_version, plural, name, *, namespaced=True):
    group, _, version = api_version.rpartition("/")
    return Resource(group=group, version=version, plural=plural, kind=name, namespaced=namespaced)


SECRETS = kind("v1", "secrets", "Secret")
PODS = kind("v1", "pods", "Pod")
CLAIMS = kind("v1", "persistentvolumeclaims", "PersistentVolumeClaim")
VOLUMES = kind("v1", "persistentvolumes", "PersistentVolume", namespaced=False)
EVENTS = kind("v1", "events", "Event")
JOBS = kind("batch/v1", "jobs", "Job")
CRON_JOBS = kind("batch/v1", "cronjobs", "CronJob")
LEASES = kind("coordination.k8s.io/v1", "leases", "Lease")
ROLE_BINDINGS = kind("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding")


def is_forbidden(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except ApiRefused as error:
        return error.reason == "Forbidden"
    return False

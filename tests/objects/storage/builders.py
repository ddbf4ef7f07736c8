"""Claims, volumes, pods and nodes for tests, as an API server gives them."""

from holdfast.objects.storage.claims import ClaimFacts

NFS = {"nfs": {"server": "10.0.0.5", "path": "/exports/shop"}}
CSI = {
    "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "vol-1", "volumeAttributes": {"type": "gp3", "iops": "3000"}}
}
HOST_PATH = {"hostPath": {"path": "/tmp/hostpath_pv/1"}}
LOCAL = {"local": {"path": "/mnt/disk1"}}


def claim(name="data", namespace="shop", *, phase="Bound", labels=None, modes=("ReadWriteOnce",), owner=None, **spec):
    metadata = {"name": name, "namespace": namespace, "labels": labels or {}}
    if owner:
        metadata["ownerReferences"] = [{"controller": True, "kind": owner, "name": "owner"}]
    spec = {"accessModes": list(modes), "resources": {"requests": {"storage": "10Gi"}}, "volumeName": "pv"} | spec
    if phase == "Pending":
        del spec["volumeName"]
    return {"metadata": metadata, "spec": spec, "status": {"phase": phase}}


def volume(source=None, *, size="10Gi", storage_class="fast", hostnames=(), terms=None):
    spec = {"capacity": {"storage": size}, "storageClassName": storage_class} | (CSI if source is None else source)
    if hostnames:
        terms = [{"matchExpressions": [expression("kubernetes.io/hostname", "In", *hostnames)]}]
    if terms:
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": terms}}
    return {"metadata": {"name": "pv"}, "spec": spec}


def expression(key, operator, *values):
    return {"key": key, "operator": operator} | ({"values": list(values)} if values else {})


def pod(
    name="db-0", *claims, node="node-1", namespace="shop", annotations=None, containers=None, phase="Running", **spec
):
    """It mounts the claims, `data` if none is named; each volume is called as its claim, with `-v`."""
    claims = claims or ("data",)
    mounts = [{"name": f"{one}-v", "mountPath": f"/{one}"} for one in claims]
    return {
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations or {}},
        "spec": {
            "containers": containers or [{"name": "db", "volumeMounts": mounts}],
            "volumes": [{"name": f"{one}-v", "persistentVolumeClaim": {"claimName": one}} for one in claims],
        }
        | ({"nodeName": node} if node else {})
        | spec,
        "status": {"phase": phase},
    }


def node(name="node-1", *, ready=True, labels=None, taints=()):
    conditions = [
        {"type": "DiskPressure", "status": "False"},
        {"type": "Ready", "status": "True" if ready else "Unknown"},
    ]
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name} | (labels or {})},
        "spec": {"taints": list(taints)},
        "status": {"conditions": conditions},
    }


def nodes(*given):
    return {one["metadata"]["name"]: one for one in given}


def facts(*pods, volume_=None, **fields):
    """Of a claim with these fields, used by these pods; its volume is a CSI one if nothing else is said."""
    made = claim(**fields)
    found = volume() if volume_ is None else volume_
    if made["status"]["phase"] == "Pending":
        found = None
    return ClaimFacts(
        namespace=made["metadata"]["namespace"],
        name=made["metadata"]["name"],
        claim=made,
        volume=found,
        pods=list(pods),
    )

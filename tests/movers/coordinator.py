"""A program that starts a mover and waits for it, to be killed: `python -m tests.movers.coordinator KUBECONFIG NAMESPACE RUN`."""

import sys

from holdfast.assembly import Settings, connect
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.operations.movers.run import Movers
from holdfast.operations.movers.task import MoverSettings, MoverTask


def main(kubeconfig, namespace, run):
    cancel = Cancel()
    cluster = connect(Settings(kubeconfig=kubeconfig), cancel)
    settings = MoverSettings(
        namespace=namespace,
        image="testbed/busybox:1",
        repository="s3:http://nowhere.test/backups",
        cluster_name="here",
        credentials={"password": b"secret"},
    )
    script = "trap 'exit 130' TERM; while :; do sleep 0.2; done"
    task = MoverTask(namespace="shop", claim="data", mounted_claim="data", command=["sh", "-c", script])
    with Movers(cluster, settings, run, cancel, Silent()) as movers:
        movers.run([task])


if __name__ == "__main__":
    main(*sys.argv[1:])

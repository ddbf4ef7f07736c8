"""`holdfast install`: the controller, its roles and the kinds of our objects, into a cluster."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from holdfast.cli.context import Session, VerbCommand
from holdfast.cli.output import say, to_yaml
from holdfast.cli.quantities import parse_duration
from holdfast.cli.steps import namespace_option, show_steps
from holdfast.manifests.installation import IMAGE, REPLICAS, InstallOptions, objects


@click.command("install", cls=VerbCommand, short_help="Install Holdfast in a cluster, or upgrade it.")
@namespace_option
@click.option("--image", default=IMAGE, show_default=True, metavar="IMAGE", help="Of the controller and of all runs.")
@click.option(
    "--image-pull-secret",
    "pull_secrets",
    multiple=True,
    metavar="NAME",
    help="A Secret of that namespace, for the image's registry; repeatable.",
)
@click.option(
    "--replicas",
    type=click.IntRange(0, 5),
    default=REPLICAS,
    show_default=True,
    metavar="N",
    help="Of the controller; one of them is at work.",
)
@click.option("--backups-only", is_flag=True, help="Let runs read the whole cluster, but restore nothing: no drills.")
@click.option(
    "--no-volumes",
    is_flag=True,
    help="Give runs no rights for the data of volumes. Those that may restore have them anyway.",
)
@click.option(
    "--no-hooks",
    is_flag=True,
    help="Give runs no right to run commands in pods. Those that may restore have it anyway.",
)
@click.option("--dry-run", is_flag=True, help="Ask the API server what would be changed, and change nothing.")
@click.option("--wait", is_flag=True, help="Until the controller is at work.")
@click.option("--timeout", default="5m", show_default=True, metavar="TIME", help="Of --wait: 90s, 1h.")
@click.pass_obj
def command(session: Session, /, namespace: str, dry_run: bool, wait: bool, timeout: str, **flags: Any) -> None:
    """Install Holdfast in a cluster, or upgrade it. With -o yaml or json, only print what would be applied, and ask no cluster.

    Run again, it makes the installation what this version and these flags say. Objects that an earlier version made
    and this one does not are removed; definitions, the namespace, your plans and backups never are.

    \b
    holdfast install --image registry.example/holdfast:1.0 --wait
    holdfast install --image registry.example/holdfast:1.0 -o yaml > holdfast.yaml
    """
    from holdfast.manifests.crds.definitions import definitions  # noqa: PLC0415 - only who installs makes schemas

    seconds = parse_duration("--timeout", timeout)
    options = InstallOptions(
        namespace=namespace,
        image=flags["image"],
        replicas=flags["replicas"],
        pull_secrets=tuple({"name": name} for name in flags["pull_secrets"]),
        backups_only=flags["backups_only"],
        volumes=not flags["no_volumes"],
        hooks=not flags["no_hooks"],
    )
    if session.output != "table":
        _print(session, objects(options, definitions()))
        return
    from holdfast.operations.install import install  # noqa: PLC0415
    from holdfast.operations.rollout import wait_available  # noqa: PLC0415

    cluster = session.connect()
    show_steps(session, install(cluster, options, definitions(), session.progress, dry_run=dry_run))
    if dry_run:
        say(session, "Nothing was changed.")
        return
    if wait:
        wait_available(cluster, namespace, seconds)
        say(session, f"Holdfast is at work in the namespace {namespace}.")
    else:
        say(session, f"Holdfast is installed in the namespace {namespace}; see when it is at work with --wait.")


def _print(session: Session, manifests: list[dict[str, Any]]) -> None:
    """As `kubectl apply -f -` takes them: documents one after another, or a List."""
    if session.output == "json":
        encoded = msgspec.json.encode({"apiVersion": "v1", "kind": "List", "items": manifests})
        click.echo(msgspec.json.format(encoded, indent=2).decode())
        return
    for manifest in manifests:
        click.echo(f"---\n{to_yaml(msgspec.json.encode(manifest))}", nl=False)

"""The generated files of deploy/helm/holdfast, made from the manifests of `holdfast install`.

python -m tests.installation.chart        # writes them

Each value of the chart takes the place of a marker in the manifests, so there is one description of every object.
"""

import re
from pathlib import Path

import msgspec

from holdfast.cli.output import to_yaml
from holdfast.manifests.crds.__main__ import files as definitions
from holdfast.manifests.data_rights import HOOKS, VOLUMES
from holdfast.manifests.installation import InstallOptions, parts
from holdfast.manifests.rights import RUNNER_RESTORE
from holdfast.manifests.role_table import Part

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "holdfast"
_HEAD = "{{- /* generated from src/holdfast/manifests by `python -m tests.installation.chart` */}}\n"
_EXPRESSIONS = {
    "@namespace": "{{ .Release.Namespace | quote }}",
    "@version": "{{ .Chart.AppVersion | quote }}",
    "@image": "{{ .Values.image | quote }}",
    "@replicas": "{{ .Values.replicas }}",
    "@resources": "{{ toJson .Values.resources }}",
    "@pull_secrets": "{{ toJson .Values.imagePullSecrets }}",
    "@keep": '{{ if .Values.keepRunnerOnUninstall }}{"helm.sh/resource-policy": keep}{{ else }}{}{{ end }}',
}
_CONDITIONS = {
    RUNNER_RESTORE.name: "not .Values.backupsOnly",
    **{table.name: ".Values.volumes" for table in VOLUMES},
    **{table.name: ".Values.hooks" for table in HOOKS},
}
"""By names of roles, which their bindings have, too."""
_OPTIONS = InstallOptions(
    namespace="@namespace",
    image="@image",
    replicas="@replicas",
    resources="@resources",
    pull_secrets="@pull_secrets",
)


def generated():
    """{path below the chart: text}"""
    files = dict.fromkeys((f"templates/{part}.yaml" for part in Part), _HEAD)
    for part, obj in parts(_OPTIONS, version="@version"):
        if part is Part.RUNNER:
            obj["metadata"]["annotations"] = "@keep"
        files[f"templates/{part}.yaml"] += _template(obj)
    return files | {f"crds/{name}": text for name, text in definitions().items()}


def _template(obj):
    text = re.sub(r"'(@\w+)'", lambda marker: _EXPRESSIONS[marker[1]], to_yaml(msgspec.json.encode(obj)))
    text = f"---\n{text}"
    condition = _CONDITIONS.get(obj["metadata"]["name"])
    return f"{{{{- if {condition} }}}}\n{text}{{{{- end }}}}\n" if condition else text


if __name__ == "__main__":
    for path, content in generated().items():
        (CHART / path).write_text(content)

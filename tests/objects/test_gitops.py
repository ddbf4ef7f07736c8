import pytest

from holdfast.objects.gitops import TOOLS, Claim, claims
from holdfast.objects.pausing import GITOPS

FLUX_KUSTOMIZATION = "kustomizations.kustomize.toolkit.fluxcd.io"
FLUX_HELM = "helmreleases.helm.toolkit.fluxcd.io"
ARGO = "applications.argoproj.io"


def thing(labels=None, annotations=None):
    return {"metadata": {"name": "web", "namespace": "shop", "labels": labels or {}, "annotations": annotations or {}}}


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (thing(), set()),
        (
            thing({"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}),
            {Claim(FLUX_KUSTOMIZATION, "flux-system", "apps")},
        ),
        (
            thing({"helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "shop"}),
            {Claim(FLUX_HELM, "shop", "web")},
        ),
        (thing({"kustomize.toolkit.fluxcd.io/name": "apps"}), set()),
        (thing({"argocd.argoproj.io/instance": "shop"}), {Claim(ARGO, "", "shop")}),
        (thing({"app.kubernetes.io/instance": "shop"}), {Claim(ARGO, "", "shop")}),
        (thing({"app.kubernetes.io/instance": "team_shop"}), {Claim(ARGO, "team", "shop")}),
        (
            thing(annotations={"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}),
            {Claim(ARGO, "", "shop")},
        ),
        (
            thing(annotations={"argocd.argoproj.io/tracking-id": "team_shop:apps/Deployment:shop/web"}),
            {Claim(ARGO, "team", "shop")},
        ),
        (thing(annotations={"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:other/web"}), set()),
        (thing(annotations={"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/copied"}), set()),
        (thing(annotations={"argocd.argoproj.io/tracking-id": "nonsense"}), set()),
        (
            thing(
                {"app.kubernetes.io/instance": "chart"},
                {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"},
            ),
            {Claim(ARGO, "", "shop")},
        ),
    ],
)
def test_owner_by_its_marks(obj, expected):
    assert claims(obj) == expected


def test_every_owner_can_be_paused():
    assert set(TOOLS) == set(GITOPS)

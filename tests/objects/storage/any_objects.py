"""Objects of any shape, with fields that are looked at where nobody expects them."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

FIELDS = [
    "metadata",
    "spec",
    "status",
    "volumes",
    "name",
    "persistentVolumeClaim",
    "claimName",
    "accessModes",
    "csi",
    "nfs",
]
FIELDS += [
    "containers",
    "initContainers",
    "volumeMounts",
    "securityContext",
    "nodeSelectorTerms",
    "matchExpressions",
    "key",
]
FIELDS += ["operator", "values", "affinity", "podAntiAffinity", "topologySpreadConstraints", "tolerations", "resources"]

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["In", "Gt", "1", "emptyDir"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.sampled_from(FIELDS), _VALUES, max_size=4)

LENIENT = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Other work may go on on the machine."""

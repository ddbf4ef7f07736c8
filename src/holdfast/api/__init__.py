"""The custom resources of `holdfast.dev/v1alpha1`: what their objects look like. Pure; the CRDs are generated from here."""

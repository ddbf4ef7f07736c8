"""The CustomResourceDefinitions of our group, generated from the models in `holdfast.api`. Pure."""

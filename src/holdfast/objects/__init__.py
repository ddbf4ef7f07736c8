"""What Holdfast knows about Kubernetes objects, as pure functions and tables."""

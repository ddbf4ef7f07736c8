"""The Kubernetes objects that Holdfast makes: CRDs, roles, the controller's Deployment, CronJobs and Jobs. Pure."""

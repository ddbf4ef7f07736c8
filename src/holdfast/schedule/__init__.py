"""When a plan runs: cron expressions as Kubernetes reads them. Pure."""

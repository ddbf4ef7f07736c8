"""Schedules as Kubernetes' CronJobs read them: what a text means, when it comes next, and the same in words. Pure."""

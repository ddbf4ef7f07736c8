"""Turns custom resources into CronJobs and Jobs that run the command line, and tells what became of them."""

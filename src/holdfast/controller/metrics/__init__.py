"""What Prometheus is told: facts of our objects, read anew for each scrape, and the controller's own counts."""

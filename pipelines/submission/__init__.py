"""From a clean revision and pushed images to a run on a cluster, and what became of it."""

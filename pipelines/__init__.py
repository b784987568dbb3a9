"""The pipelines that run on a cluster."""

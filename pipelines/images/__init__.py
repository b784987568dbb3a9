"""The containers' images: what goes in, how they are built, and which ones a pipeline names.

The code lies here and not in `docker/`, whose name belongs to the library that Kubeflow's local runner talks through.
"""

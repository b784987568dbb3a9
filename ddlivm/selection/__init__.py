"""Adaptive head selection: which head of the bank holds on a plant without labels (3.3)."""

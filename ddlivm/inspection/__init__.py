"""Inspect a plant that no model has seen: find its pairs, align them, detect, and report."""

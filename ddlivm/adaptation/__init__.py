"""Adaptation to a new flight without labels: source defects on the flight's own healthy panels."""

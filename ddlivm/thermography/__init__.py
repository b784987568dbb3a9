"""What is hotter than it should be, seen without learning: healthy panels of the same picture are the reference."""

from ddlivm.thermography.anomalies import Anomalies, find_anomalies
from ddlivm.thermography.excess import Excess, excess

__all__ = ["Anomalies", "Excess", "excess", "find_anomalies"]

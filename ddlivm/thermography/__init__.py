"""What is hotter than it should be, seen without learning: healthy panels of the same picture are the reference."""

from ddlivm.thermography.anomalies import Anomalies, find_anomalies
from ddlivm.thermography.excess import Excess, excess
from ddlivm.thermography.heat import heats
from ddlivm.thermography.pair import infrared_panels, pair_excess

__all__ = ["Anomalies", "Excess", "excess", "find_anomalies", "heats", "infrared_panels", "pair_excess"]

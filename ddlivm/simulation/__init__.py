"""The simulated plants: physics, two cameras, and the exact truth."""

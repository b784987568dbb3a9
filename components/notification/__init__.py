"""What tells a person that a run has ended."""

"""The stages as commands: one folder each, with its command (`__main__.py`) and its container (`component.py`)."""

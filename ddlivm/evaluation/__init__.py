"""Accuracy, recall and mAP of every head, the tables and figures made of them, and the report (Section 4)."""

"""DD-LIVM: cross-domain photovoltaic defect detection from infrared-visible drone pairs."""

__version__ = "0.1.0"

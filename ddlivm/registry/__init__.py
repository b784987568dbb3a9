"""The promotion gate, the registered model, and tracking; the one part that knows MLflow."""

"""What processes that promote side by side load once, before they part: MLflow and its tables take seconds."""

import mlflow  # noqa: F401
from mlflow.store.model_registry import sqlalchemy_store as registry_tables  # noqa: F401
from mlflow.store.tracking import sqlalchemy_store as tracking_tables  # noqa: F401
from sqlalchemy.orm import configure_mappers

from tests.registry import versions  # noqa: F401

configure_mappers()

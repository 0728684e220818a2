"""What operators do with a history: create its tables, check it, copy it to another database."""

from renderq_shared.history.maintenance.copy import CopyResult, copy_history
from renderq_shared.history.maintenance.inspection import HistoryReport, inspect_history
from renderq_shared.history.migration import Schema, SchemaState, migrate_history

__all__ = [
    "CopyResult",
    "HistoryReport",
    "Schema",
    "SchemaState",
    "copy_history",
    "inspect_history",
    "migrate_history",
]

"""History: ended jobs in SQL, where they can be searched and outlive Redis."""

from renderq_shared.history.database import history_address
from renderq_shared.history.filters import matches
from renderq_shared.history.protocol import History
from renderq_shared.history.records import (
    ArchiveResult,
    ExpiryResult,
    FailureCount,
    HistoryFilter,
    HistoryRetention,
    UsageDay,
)
from renderq_shared.history.search import Search, parse_search
from renderq_shared.history.sql_history import open_history

__all__ = [
    "ArchiveResult",
    "ExpiryResult",
    "FailureCount",
    "History",
    "HistoryFilter",
    "HistoryRetention",
    "Search",
    "UsageDay",
    "history_address",
    "matches",
    "open_history",
    "parse_search",
]

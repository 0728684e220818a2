"""Ended jobs: handing them over to the history, and reading live and ended jobs through one door."""

from renderq_api.history.archiver import Archiver
from renderq_api.history.batch_directory import BatchDirectory
from renderq_api.history.bulk_operations import BulkOperations
from renderq_api.history.delivery_directory import DeliveryDirectory
from renderq_api.history.job_directory import JobDirectory, ListedJobs
from renderq_api.history.registration import HistoryRegistration

__all__ = [
    "Archiver",
    "BatchDirectory",
    "BulkOperations",
    "DeliveryDirectory",
    "HistoryRegistration",
    "JobDirectory",
    "ListedJobs",
]

"""Estimated time until a job ends, from timings of finished jobs."""

from renderq_api.eta.eta_cache import EtaCache

__all__ = ["EtaCache"]

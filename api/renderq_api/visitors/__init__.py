"""Visitors of an open demo: keys without an account, their limits, and the words that their prompts must not have."""

from renderq_api.visitors.refused_words import RefusedWords
from renderq_api.visitors.visitors import Visitors

__all__ = ["RefusedWords", "Visitors"]

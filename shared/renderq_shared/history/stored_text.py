"""Short text in the history's tables: compared by bytes, as Redis does, and any text can be stored and looked for."""

from sqlalchemy import Dialect, String, TypeDecorator
from sqlalchemy.types import TypeEngine


class StoredText(TypeDecorator[str]):
    """Column type of text that may come from users."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        return String(collation="C" if dialect.name == "postgresql" else None)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


def storable(text: str) -> str:
    """Return the text with replacements for what PostgreSQL cannot store: NUL and lone surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()

"""Connection to PostgreSQL whose time limits hold also while the server does not respond."""

from typing import Any

import psycopg


class PostgresConnection(psycopg.AsyncConnection[Any]):
    """Closes itself when its statement is canceled."""

    async def cancel_safe(self, *, timeout: float = 30.0) -> None:  # noqa: ASYNC109
        """Close the connection. The server would have to answer a cancellation, and ends the statement by itself."""
        self.pgconn.finish()

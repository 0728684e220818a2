"""URL of the history's database, checked without its driver."""

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from renderq_shared.host_names import is_host


def check_history_url(url: str) -> None:
    """Raise `ValueError`, without naming a password, unless the URL names a SQLite file or a PostgreSQL database."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("must be a URL such as postgresql://USER:PASSWORD@HOST/DATABASE") from None
    match parts.scheme:
        case "sqlite":
            if not url.startswith("sqlite:///") or len(parts.path) < 2 or parts.path == "/:memory:":
                raise ValueError("must name a file: sqlite:////var/lib/renderq/history.db")
            if "?" in url:
                raise ValueError("must have no options; a question mark in the name of a SQLite file is %3F")
        case "postgresql" | "postgres" | "postgresql+psycopg":
            if parts.path.count("/") != 1 or len(parts.path) < 2:
                raise ValueError("must name a database: postgresql://USER:PASSWORD@HOST/DATABASE")
            if parts.netloc.count("@") > 1:
                raise ValueError("must have %40 for an @ in the user or password")
            host = parts.hostname
            names_host = is_host(host) if host else not parts.netloc or "host" in parse_qs(parts.query)
            if port == 0 or not names_host:
                raise ValueError("must name a host: postgresql://USER:PASSWORD@HOST/DATABASE")
        case _:
            raise ValueError("must begin with postgresql:// or sqlite:///")


def sqlite_url(path: str) -> str:
    """Return the URL of a SQLite file."""
    return "sqlite:///" + path.replace("%", "%25").replace("?", "%3F")


def sqlite_path(url: str) -> Path:
    """Return the file of a SQLite URL, with `~` expanded."""
    return Path(unquote(url.removeprefix("sqlite:///"))).expanduser()

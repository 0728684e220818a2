"""Query parameters: each is known and given once, so that a mistake is an answer and not ignored."""

from collections.abc import Awaitable, Callable, Collection, Sequence

from starlette.requests import Request

from renderq_api.http.problems import invalid
from renderq_api.http.validation import format_value


def check_query(
    items: Sequence[tuple[str, str]],
    known: Collection[str],
    *,
    prefixes: tuple[str, ...] = (),
    repeatable: Collection[str] = (),
) -> None:
    """Raise `ApiProblem` for a parameter that is neither known nor begins with a prefix, or that is repeated."""
    names = [name for name, _ in items]
    for name in names:
        if name not in known and not name.startswith(prefixes):
            raise invalid(f"Unknown query parameter {format_value(name)}. Known parameters: {', '.join(known)}.")
    single = [name for name in names if name not in repeatable]
    if len(set(single)) < len(single):
        but = f", except {', '.join(repeatable)}" if repeatable else ""
        raise invalid(f"A query parameter is repeated; send each at most once{but}.")


def require_query(*known: str) -> Callable[[Request], Awaitable[None]]:
    """Return the dependency of a route that takes these query parameters."""

    async def check(request: Request) -> None:
        check_query(request.query_params.multi_items(), known)

    return check


async def require_no_query(request: Request) -> None:
    """Dependency of routes without query parameters."""
    if request.url.query:
        raise invalid("This route takes no query parameters.")

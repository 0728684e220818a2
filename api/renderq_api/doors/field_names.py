"""Names of fields in messages: a door has others than a body of `POST /v1/jobs`, to which pointers point."""

from renderq_api.http.problems import ApiProblem


def detail_with_field(problem: ApiProblem, field: str | None) -> str:
    """Return the problem's detail; where it begins with the pointer to a field, `field` stands for the pointer."""
    pointer = problem.errors[0].pointer if problem.errors else ""
    rest = problem.detail.removeprefix(f"{pointer}: ")
    return f"{field}: {rest}" if pointer and rest != problem.detail else problem.detail

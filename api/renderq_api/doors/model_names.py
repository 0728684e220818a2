"""Names of models in requests of doors, whose clients bring names of their own."""

import re

from renderq_shared.catalog import Catalog


def resolve_model(catalog: Catalog, name: str | None, task: str, any_model: re.Pattern[str] | None = None) -> str:
    """Return the name of the catalog's model for a name in a request; an unknown name is returned unchanged.

    An omitted name, or one that matches `any_model`, stands for the first model that supports the task.
    """
    if name is not None and catalog.get(name):
        return name
    if name is not None and name in catalog.aliases:
        return catalog.aliases[name]
    if name is None or (any_model and any_model.fullmatch(name)):
        able = (entry.name for entry in catalog.models if task in entry.tasks)
        return next(able, catalog.default.name)
    return name

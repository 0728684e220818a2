"""Names of all commands."""

import inspect

from renderq_shared.jobs import commands

COMMANDS = {
    name
    for name, function in inspect.getmembers(commands, inspect.isfunction)
    if function.__module__ == commands.__name__
}

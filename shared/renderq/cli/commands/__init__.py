"""Commands of the client, one module each."""

from renderq.cli.lazy_group import LazyCommand

_PANELS = {
    "Render": {
        "run": "render an image and save it",
        "submit": "submit a job and print its id",
        "watch": "follow jobs until they end; Ctrl-C does not cancel them",
        "events": "show what happens to all your jobs, as it happens",
        "save": "save the images of jobs",
        "link": "print links to images, which need no key",
        "status": "show the state of a job",
        "cancel": "cancel jobs, or all that are queued; no effect on ended ones",
        "move": "move a queued job to the front or the back of your queue, or before another",
        "retry": "submit a failed, canceled or expired job again and print the new id",
        "delete": "delete jobs that have ended, and their images",
        "jobs": "list your jobs, newest first; restore jobs",
        "batches": "list your batches of jobs; show, cancel or retry one",
        "keep": "keep jobs, so that retention never deletes them",
        "label": "replace the labels of a job",
        "assets": "upload input images, or show one",
        "inspect": "show the recipe and the watermark of an image file; needs no service",
    },
    "Webhooks": {
        "deliveries": "list the webhook deliveries of a job",
        "replay": "send a webhook delivery again",
    },
    "Service": {
        "whoami": "show the tenant, role and limits of your key",
        "models": "list the models with their queues and workers; check, download, pause or resume models",
        "styles": "list the styles of the service",
        "workers": "list the live workers; drain one",
        "load": "show the load of the service in the last day, by hours",
        "usage": "show what ended jobs used, by day",
        "tenants": "list the tenants and their queues; pause, resume or purge one",
        "bench": "submit many jobs and measure throughput and latency",
    },
    "Shell": {"completion": "print the completion script of a shell"},
}
"""Heading → name → summary, in the order of `renderq --help`."""

CLIENT_COMMANDS: dict[str, LazyCommand] = {
    name: LazyCommand(f"renderq.cli.commands.{name}", summary, panel)
    for panel, commands in _PANELS.items()
    for name, summary in commands.items()
}
"""Name → command."""

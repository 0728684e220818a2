"""Client library of the renderq rendering service.

from renderq import Client

with Client() as client:
    job = client.run("a red circle on a blue background")
    client.images(job)[0].save("circle.png")
"""

TYPE_CHECKING = False  # typing.TYPE_CHECKING, without the import

if TYPE_CHECKING:
    from renderq._public import *  # noqa: F403 — the public names, loaded on first use

__version__: str


def __getattr__(name: str) -> object:
    """Load the public names on first use, so that the `renderq` command starts without the client."""
    if name == "__version__":
        from renderq.version import version

        return version()
    if name == "__all__" or not name.startswith("_"):
        from renderq import _public

        if name == "__all__":
            return [*_public.__all__, "__version__"]
        if hasattr(_public, name):
            return getattr(_public, name)
        if name in globals():  # a module that this has loaded, such as `renderq.errors`
            return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

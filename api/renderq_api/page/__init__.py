"""The web page: its files in `files/`, served under a digest of their content, and the addresses that show it.

The page is a client of the HTTP API; this package knows nothing of the service and imports only Starlette.

site          files → digest, `index.html` with import map
module_graph  modules that load with another one
policy        response headers: what a browser may load, how long it keeps it
routes        addresses → answers
"""

from renderq_api.page.routes import Page

__all__ = ["Page"]

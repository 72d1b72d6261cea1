"""The older path of the app, for `uvicorn cuga.backend.server.main:app`: the house that `cuga serve` would serve."""

from cuga.api.hosted import Hosted

app = Hosted()

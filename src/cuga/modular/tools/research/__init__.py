"""Looking things up outside the house's own records."""

from cuga.modular.tools.research.web_search import web_search

TOOLS = (web_search,)

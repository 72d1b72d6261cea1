"""cuga runs agent work that a company can sign for."""

__version__ = "0.1.0"

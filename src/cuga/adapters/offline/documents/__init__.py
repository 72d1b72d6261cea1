"""Documents in a folder: read by form, split at their headings, searched by BM25."""

from cuga.adapters.offline.documents.folder import DocumentFolder

__all__ = ["DocumentFolder"]

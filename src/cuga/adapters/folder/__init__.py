"""A CRM that is a directory of CSV files, which somebody else writes and we only read."""

from cuga.adapters.folder.crm_folder import CrmFolder

__all__ = ["CrmFolder"]

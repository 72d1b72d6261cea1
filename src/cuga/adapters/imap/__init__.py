"""Mail that comes in through a mailbox server (IMAP4rev1, RFC 3501)."""

from cuga.adapters.imap.inbox import ImapInbox

__all__ = ["ImapInbox"]

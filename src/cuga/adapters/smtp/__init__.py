"""Mail that leaves the house by a mail server."""

from cuga.adapters.smtp.mail import SmtpMail

__all__ = ["SmtpMail"]

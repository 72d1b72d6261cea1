"""The only way to the network: a client that checks where it goes, takes no more than it should, and never sends twice.

Nothing else in the house opens a connection to another machine. It keeps no cookies, follows no redirect unasked, and
takes no proxy from the environment.
"""

from cuga.outbound.addresses import Egress, Resolver
from cuga.outbound.answer import Answer
from cuga.outbound.client import SafeClient
from cuga.outbound.streaming import streaming_client

__all__ = ["Answer", "Egress", "Resolver", "SafeClient", "streaming_client"]

"""The doors over HTTP and WebSocket: words in, words out. No rule lives in here.

Every route calls the same methods of the `Coordinator` as the command line, says which verb of `policy.access` it is,
and answers with the values that come back. Needs the extra `serve`.
"""

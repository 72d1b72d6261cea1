"""Who is at the door: passwords, sessions, invitations and keys for programs, beside the journal.

What is in here proves who somebody is and nothing more; what they may do is in the house stream and `policy.access`.
"""

"""What every client of the service needs, whatever loop it runs on, or none.

How to open a channel, what a failed RPC means, when to come back to a lost stream. The client
for trio programs and the command line are built on it. It sends nothing itself.
"""

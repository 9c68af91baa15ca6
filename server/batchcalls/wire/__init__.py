"""Records to messages of ``batchcalls.v1`` and back; nothing else.

The store keeps some records as serialized messages and the RPCs send them, so the mapping
lives below both. It checks nothing: what comes from a client is validated first. A time of
0 µs is an unset field. Nested messages are filled in place: handing them to a constructor
copies them, and costs more than twice as much.
"""

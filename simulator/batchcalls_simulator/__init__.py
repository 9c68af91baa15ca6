"""The outside world in a box: people, their phones and the trunk that leads to them.

It is a carrier like any stranger's, loaded through the entry point ``batchcalls.carriers``
under the name ``simulator``, and uses only public names of ``batchcalls``. What stands on it to
try the service as a whole is in ``lab``.
"""

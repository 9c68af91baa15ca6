"""Batch Calls places many phone calls for its users.

A client submits a batch over gRPC; the server dials its calls through a carrier, keeps
every promise through crashes, and streams status and events to whoever watches. This
package is the server and its clients; the phones that it can practise on are in
``batchcalls_simulator``. Importing it imports nothing else.
"""

__version__ = "0.1.0"

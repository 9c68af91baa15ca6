"""Chaos: the real service in real processes, killed at random moments, and judged afterwards.

``scenario`` draws what happens, ``run`` makes it happen, ``evidence`` gathers what three sides
have to say about it (the phone network, the database, the users), and ``verdict`` compares them.
"""

"""The laboratory: the whole service around simulated phones, to try it, plan with it, break it.

``world`` plays virtual worlds that fail, and ``checker`` judges them; ``plan`` runs a campaign in
virtual time; ``load`` and ``chaos`` work on real servers. It holds the service as a whole, so it
knows what a carrier mustn't; the simulator's carrier does without it.
"""

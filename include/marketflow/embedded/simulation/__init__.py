"""Simulation: who opens, clicks, unsubscribes, bounces and buys in the demo, whose customers are made up.

Reads:  activation.sends, activation.plan_members, core.customer_identifiers; the mail catcher's Maildir.
Writes: requests to the edge service, reports through the door of delivery events, landing files of simulated orders.
Never:  draws at random (what somebody does follows from her message or customer number), or acts for a real customer.
"""

from __future__ import annotations

from marketflow.embedded.simulation.behaviour import Reading, Truth
from marketflow.embedded.simulation.run import Simulation
from marketflow.embedded.simulation.told import true_uplift, uplift_in_words

__all__ = ["Reading", "Simulation", "Truth", "true_uplift", "uplift_in_words"]

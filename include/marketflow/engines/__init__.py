"""Engines: the heavy operations of the models, on one machine now and on a cluster later.

Reads:  matrices and numbers that a model gives.
Writes: nothing; models write what comes back.
Never:  opens a database, knows a table's name, decides what a result means.
"""

from marketflow.engines.door import Best, Engine, TooManySets, engine

__all__ = ["Best", "Engine", "TooManySets", "engine"]

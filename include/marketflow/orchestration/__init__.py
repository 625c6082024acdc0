"""Orchestration: the only room that imports Airflow; it wires the other rooms' doors into DAGs.

Reads:  Airflow connections (`warehouse`, `mail`, `marketflow_keys`, one per social account) and trigger forms.
Writes: nothing of its own; the doors that it calls do.
Never:  computes, renders or sends by itself; is imported by another room.
"""

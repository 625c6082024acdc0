"""Embedded: the one-command stack on this machine - PostgreSQL, a mail catcher, the edge service and Airflow.

Reads:  MARKETFLOW_* and port variables; the state under var/.
Writes: var/ (data, logs, secrets, process files) and nothing outside it.
Never:  is needed by a real deployment; imports the rooms of the product's logic, but where the demo simulates.
"""

"""`make evaluate`: every model on real data beside its baselines, by the code that the DAGs run.

The Complete Journey and CDNOW are loaded through sources, gate and core into a server of its own. Each model then runs
as of the data's last day; what it says of itself in `models.runs`, and what products and campaigns are compared with
besides, becomes `var/evaluate/latest.json` and the tables in docs/models.md.
"""

"""Segments: named ones by recency, frequency and monetary value, and clusters of customers who buy alike.

Reads:  core.orders and what clusters say they read, ops.pending_changes, rfm_segments.yaml beside this file.
Writes: features.purchase_summaries and features.purchase_windows, models.rfm, models.rfm_segment_rules,
        models.segment_memberships, models.clusters and what belongs to it, models.pictures, models.runs,
        models.published.
Never:  decides who gets a message; moves the published pointer for a test or for another day.
"""

from marketflow.segments.clusters import cluster_customers
from marketflow.segments.history import remember_segments
from marketflow.segments.pictures import draw_segments
from marketflow.segments.rfm import SegmentSummary, segment_customers
from marketflow.segments.rules import Segment, load_segments, segment_of_triples

__all__ = [
    "Segment",
    "SegmentSummary",
    "cluster_customers",
    "draw_segments",
    "load_segments",
    "remember_segments",
    "segment_customers",
    "segment_of_triples",
]

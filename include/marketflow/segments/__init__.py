"""Segments: recency, frequency and monetary value of customers, and the named segments they give.

Reads:  core.orders, ops.pending_changes, rfm_segments.yaml beside this file.
Writes: features.purchase_summaries and features.purchase_windows, models.rfm, models.rfm_segment_rules, models.runs,
        models.published.
Never:  decides who gets a message; moves the published pointer for a test or for another day.
"""

from marketflow.segments.rfm import SegmentSummary, segment_customers
from marketflow.segments.rules import Segment, load_segments, segment_of_triples

__all__ = ["Segment", "SegmentSummary", "load_segments", "segment_customers", "segment_of_triples"]

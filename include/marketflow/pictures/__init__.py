"""Pictures: charts as SVG and PNG, alike in style, readable with colour blindness and by a screen reader.

Reads:  frames that a model gives.
Writes: models.pictures.
Never:  computes what it shows; reads a model's tables.
"""

from marketflow.pictures.campaign import AttributedOrders, CampaignCard, Lift, Stage, campaign_card
from marketflow.pictures.cluster_map import ClusterCard, cluster_map
from marketflow.pictures.flow import Period, flow
from marketflow.pictures.fonts import can_write
from marketflow.pictures.forecast import Line, forecast, forecast_grid
from marketflow.pictures.heat_map import Bar, Grid, heat_map
from marketflow.pictures.render import Caption, Picture, no_data
from marketflow.pictures.store import store_picture
from marketflow.pictures.words import and_list, day_in_words, number, percent, readable, short_number

__all__ = [
    "AttributedOrders",
    "Bar",
    "CampaignCard",
    "Caption",
    "ClusterCard",
    "Grid",
    "Lift",
    "Line",
    "Period",
    "Picture",
    "Stage",
    "and_list",
    "campaign_card",
    "can_write",
    "cluster_map",
    "day_in_words",
    "flow",
    "forecast",
    "forecast_grid",
    "heat_map",
    "no_data",
    "number",
    "percent",
    "readable",
    "short_number",
    "store_picture",
]

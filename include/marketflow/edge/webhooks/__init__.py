"""Webhooks: what mail providers tell of our messages: delivered, bounced, complained about.

Reads:  requests that a provider has signed; a provider's certificate, from the provider.
Writes: the journal `reports`, which the DAG take_reports brings into the warehouse.
Never:  believes or logs what is not signed, keeps an address or a server's words, waits for the database.
"""

from marketflow.edge.webhooks.hooks import REPORTS, Hooks
from marketflow.edge.webhooks.provider import Forged, NotNow, Provider, Report
from marketflow.edge.webhooks.sendgrid import SendGrid
from marketflow.edge.webhooks.ses import Ses
from marketflow.edge.webhooks.sns import read_topics

__all__ = ["REPORTS", "Forged", "Hooks", "NotNow", "Provider", "Report", "SendGrid", "Ses", "read_topics"]

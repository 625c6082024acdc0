"""# Deliver messages

Sends what the campaigns released and what was put off until now, across all campaigns, in order of priority. One
Airflow DAG for each channel that a campaign uses.

* **Woken** by releases, and every five minutes for what a server asked us to try again later.
* **Before each message** consent, suppression and the campaign's switch are checked once more; who withdrew in the
  meantime gets nothing, and the ledger says why.
* **If a worker dies**, clear or re-run it, or let it retry: messages that were not handed over yet are sent, those that
  were in the server's hands become `unknown`. They are never sent again by themselves:
  `select * from activation.sends where state = 'unknown'`.
* **If the mail server is down**, messages become `deferred` and go out with a later run, until they expire.
"""

from marketflow.campaigns import find_campaigns
from marketflow.orchestration.delivery import define_delivery

for channel in {c.channel for c in find_campaigns().good}:
    globals()[f"deliver_messages_{channel}"] = define_delivery(channel, doc=__doc__ or "")

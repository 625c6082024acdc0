"""# Deliver messages

Sends what the campaigns released and what was put off until now, across all campaigns, in order of priority. One
Airflow DAG for each channel that a campaign uses.

* **Woken** by releases, and every five minutes for what a server asked us to try again later.
* **Before each message** consent, suppression and the campaign's switch are checked once more; who withdrew in the
  meantime gets nothing, and the ledger says why.
* **If a worker dies**, clear or re-run it, or let it retry: messages that were not handed over yet are sent, those that
  were in the server's hands become `unknown`. They are never sent again by themselves: `settle_unknown` lists them, and
  a person decides.
* **Limits** per second, hour and day, of the channel and of single domains, stand in `include/delivery.yaml`. What they
  put off is `deferred`; a run that ends with `hour_limit` or `day_limit` has used them up.
* **Too many bounces or complaints** switch a campaign off, or the channel: a warning in the log of `deliver` says which
  and why. Turn the campaign's switch off and on, or start `control_channel`, to go on.
* **`refuses_all`**: the server refused everybody, which is about us and not about them. Nobody was given up or shut
  out; look at the server's log, then at the connection `mail`.
* **`cannot_write`**: this worker lacks a key or has a wrong setting. Nobody was given up; look at `marketflow_keys`, at
  `dkim` and at what the log says about the first messages. A plan that cannot be rendered stops nobody: it waits.
* **If the mail server is down**, messages become `deferred` and go out with a later run, until they expire.
"""

from marketflow.campaigns import find_campaigns
from marketflow.campaigns.journeys import find_journeys
from marketflow.orchestration.delivery import define_delivery

for channel in {*(c.channel for c in find_campaigns().good), *(c for j in find_journeys().good for c in j.channels)}:
    globals()[f"deliver_messages_{channel}"] = define_delivery(channel, doc=__doc__ or "")

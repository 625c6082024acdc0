"""What is wrong with a campaign.yaml whose fields are each well formed: one line of words for each place."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from marketflow.campaigns.definition.contact_policy import load_contact_policy
from marketflow.campaigns.definition.model import CampaignFile
from marketflow.shared import DefinitionError, settings
from marketflow.shared.explain import Place, nearest
from marketflow.shared.strict_yaml import read_yaml

# the room `segments` owns this file; rooms meet in files and tables, so its names are read and not imported
SEGMENTS = Path(__file__).resolve().parents[2] / "segments" / "rfm_segments.yaml"
_MADE = ("ingest_", "deliver_messages")  # DAGs that are made per source and per channel
_ENGAGEMENT = (
    "marts.campaign_performance", "marts.attributed_orders", "marts.campaign_attribution", "marts.campaign_results",
    "marts.campaign_arms", "marts.campaign_uplift", "marts.experiment_results",
)  # fmt: skip
_TAKEN_WORDS = ("airflow", "marketflow")


def faults(campaign: CampaignFile) -> list[tuple[Place, str]]:
    """Each fault's place in the file and its words; none: the file is right."""
    return [*_dates(campaign), *_whom(campaign), *_names(campaign), *_experiment(campaign), *_topic(campaign)]


def segment_names() -> tuple[str, ...]:
    """The named segments, as `rfm_segments.yaml` has them."""
    return _segments(SEGMENTS.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _segments(_changed: int) -> tuple[str, ...]:
    data, _ = read_yaml(SEGMENTS)
    return tuple(str(segment["name"]) for segment in data["segments"])


def mart_tables(root: Path | None = None) -> tuple[str, ...]:
    """The tables of the marts that a campaign may name."""
    folder = (root or settings().root) / "sql" / "transforms" / "marts"
    return tuple(f"marts.{path.name}" for path in sorted(folder.iterdir()) if path.is_dir())


def taken_names() -> tuple[str, ...]:
    """What a campaign may not be called: the project's own DAGs have these names."""
    return (*sorted(path.stem for path in (settings().root / "dags").glob("*.py")), *_TAKEN_WORDS)


def same_words(text: str) -> str:
    """Two texts that people read as one have the same value."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _dates(campaign: CampaignFile) -> Iterator[tuple[Place, str]]:
    if campaign.start and campaign.end and campaign.end < campaign.start:
        yield ["end"], f"{campaign.end} is before start, {campaign.start}"
    within = campaign.goal.within_days if campaign.goal else None
    if within is not None and "attribution_days" in campaign.model_fields_set and within != campaign.attribution_days:
        yield (
            ["goal", "within_days"],
            f"{within} is not {campaign.attribution_days} (attribution_days); give one of them",
        )


def _whom(campaign: CampaignFile) -> Iterator[tuple[Place, str]]:
    audience, trigger = campaign.audience, campaign.trigger
    if audience.event is not None and trigger.is_event and audience.event != trigger.on:
        yield ["audience", "event"], f"{audience.event} is not what the trigger waits for, {trigger.on}"
    if audience.event not in (None, "order_placed") and not trigger.is_event:
        yield ["audience", "event"], f"{audience.event} needs trigger.on: {audience.event}"
    if not trigger.is_event and (audience.event, audience.where, audience.accounts) == (None, None, None):
        yield ["audience"], "is missing: give where, accounts, or a trigger that is an event"


def _names(campaign: CampaignFile) -> Iterator[tuple[Place, str]]:
    if campaign.name in taken_names() or campaign.name.startswith(_MADE):
        yield ["name"], f"{campaign.name!r} is the name of one of the project's own DAGs; choose another"
    segment, table = campaign.trigger.segment, campaign.trigger.table
    if segment is not None and segment not in segment_names():
        yield ["trigger", "segment"], f"there is no segment {segment!r}{nearest(segment, segment_names())}"
    tables: list[tuple[Place, str | None]] = [(("trigger", "table"), table)]
    tables += [(("requires", i), t) for i, t in enumerate(campaign.requires)]
    for place, name in tables:
        if name is not None and name not in mart_tables():
            yield place, f"there is no table {name!r}{nearest(name, mart_tables())}"
    if table in _ENGAGEMENT:
        yield ["trigger", "table"], f"{table} is written because messages were sent: it would start itself"


def _experiment(campaign: CampaignFile) -> Iterator[tuple[Place, str]]:
    if campaign.experiment is None:
        return
    if campaign.audience.accounts is not None:
        yield ["experiment"], "an experiment compares people; a post is for nobody in particular"
    if campaign.purpose == "transactional" and campaign.experiment.holdout:
        yield ["experiment", "holdout"], "nobody is held out of what is about an order (purpose: transactional)"


def _topic(campaign: CampaignFile) -> Iterator[tuple[Place, str]]:
    if campaign.topic is not None and (words := topic_fault(campaign.topic, campaign.purpose)):
        yield ["topic"], words


def topic_fault(topic: str, purpose: str) -> str | None:
    """What is wrong with saying that messages of `purpose` are about `topic`, in words; None: nothing."""
    if purpose != "marketing":
        return f"only marketing has topics that people may not want; this is {purpose}"
    path = settings().contact_policy
    try:
        known = topic_names(path)
    except DefinitionError as error:
        return f"the topics cannot be read: {error}"
    if topic in known:
        return None
    hint = nearest(topic, known) if known else "; it has none"
    return f"{path.name} has no topic {topic!r}{hint}"


def topic_names(path: Path) -> tuple[str, ...]:
    """The topics that people may choose from. Raises DefinitionError for a contact policy that is wrong."""
    return tuple(_topics(path, path.stat().st_mtime_ns if path.is_file() else 0))


def topic_titles() -> dict[str, str]:
    """What people call the topics, in English, by name; nothing while the contact policy is wrong."""
    path = settings().contact_policy
    try:
        return dict(_topics(path, path.stat().st_mtime_ns if path.is_file() else 0))
    except DefinitionError:
        return {}


@lru_cache(maxsize=2)
def _topics(path: Path, _changed: int) -> dict[str, str]:
    return {name: topic.en for name, topic in load_contact_policy(path).topics.items()}


def doubles(named: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Of (name, title), in order: the name of each campaign whose title another has, and that other one's name."""
    first: dict[str, str] = {}
    found: dict[str, str] = {}
    for name, title in named:
        other = first.setdefault(same_words(title), name)
        if other != name:
            found[name] = other
    return found

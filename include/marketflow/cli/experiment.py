"""`marketflow experiment`: what an experiment can find, before it starts."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from marketflow.shared import DefinitionError, settings
from marketflow.shared.explain import nearest

app = typer.Typer(no_args_is_help=True, help=__doc__)
Rate = Annotated[float, typer.Option(min=1e-6, max=0.999999, help="of the control, expected: 3 % is 0.03")]


@app.callback()
def experiment() -> None:
    """See what an experiment can find, before it starts."""


@app.command()
def plan(
    name: Annotated[str, typer.Argument(help="a campaign or a journey with an `experiment`")],
    *,
    audience: Annotated[
        int | None, typer.Option(min=1, help="people of one occasion, or who come to a journey's branch in its time")
    ] = None,
) -> None:
    """Say of the experiments of a campaign or a journey whom they need, and what an audience of so many finds."""
    from marketflow.evaluation.experiments import size_lines

    for meant in _meant(name):
        for line in size_lines(meant, audience):
            print(line)


def _meant(name: str) -> list[dict[str, Any]]:
    """The experiments of whatever has that name. Raises DefinitionError when it is nothing, is wrong, or has none."""
    from marketflow.campaigns.definition import load_campaign
    from marketflow.campaigns.journeys import load_journey

    campaigns, journeys = settings().campaigns_folder, settings().journeys_folder
    names = [f.name for root in (campaigns, journeys) for f in root.glob("[!_.]*") if f.is_dir()]
    if name not in names:
        raise DefinitionError(f"there is no campaign or journey {name!r}{nearest(name, names)}")
    if (campaigns / name).is_dir():
        campaign = load_campaign(campaigns / name)
        found = [campaign.experiment.meant(campaign.window_days)] if campaign.experiment else []
    else:
        found = [experiment["meant"] for experiment in load_journey(journeys / name).experiments.values()]
    if not found:
        raise DefinitionError(f"{name} has no experiment; docs/marketers.md says how to write one")
    return found


@app.command()
def size(
    *,
    rate: Rate,
    effect: Annotated[float, typer.Option(min=1e-6, max=0.999999, help="absolute difference to find: 0.01")],
    arms: Annotated[int, typer.Option(min=2, max=10, help="of equal shares, the control among them")] = 2,
    holdout: Annotated[float, typer.Option(min=0, max=90, help="percent of the audience")] = 0,
    alpha: Annotated[float, typer.Option(min=0.0001, max=0.2)] = 0.05,
    power: Annotated[float, typer.Option(min=0.5, max=0.99)] = 0.8,
    audience: Annotated[int | None, typer.Option(min=1, help="people of one occasion")] = None,
) -> None:
    """Say the same of an experiment that nobody has written yet."""
    from marketflow.evaluation.experiments import size_lines

    if rate + effect >= 1:
        raise DefinitionError("rate and effect together are 100 % or more: nobody can do that")
    names = ["control", *(f"arm{i}" for i in range(1, arms))]
    shares = [[name, (100 - holdout) / arms] for name in names] + ([["holdout", holdout]] if holdout else [])
    definition = {
        "name": "(not written yet)", "metric": "the metric", "shares": shares, "expected_rate": rate, "effect": effect,
        "alpha": alpha, "power": power,
    }  # fmt: skip
    for line in size_lines(definition, audience):
        print(line)

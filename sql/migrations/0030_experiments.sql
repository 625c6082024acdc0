-- Experiments: which there are, what was seen at each look, and what was decided.

ALTER TABLE activation.plans ADD COLUMN experiment text;
COMMENT ON COLUMN activation.plans.experiment IS 'The experiment of the campaign that its people were drawn for; empty without one';
CREATE INDEX plans_experiment ON activation.plans (campaign, experiment) WHERE experiment IS NOT NULL;

CREATE TABLE activation.experiments (
    campaign text NOT NULL,
    experiment text NOT NULL,
    allocation_version text NOT NULL,
    definition jsonb NOT NULL,
    started_at timestamptz NOT NULL,
    decided_at timestamptz,
    winner text,
    reason text,
    PRIMARY KEY (campaign, experiment),
    CHECK ((decided_at IS NULL) = (winner IS NULL) AND (winner IS NULL) = (reason IS NULL))
);
COMMENT ON TABLE activation.experiments IS 'One row per experiment of a campaign: how it was meant when its first plan was made, and what was decided';
COMMENT ON COLUMN activation.experiments.campaign IS 'Name of the campaign, its folder under include/campaigns';
COMMENT ON COLUMN activation.experiments.experiment IS 'Its name in campaign.yaml; people are drawn by campaign and name';
COMMENT ON COLUMN activation.experiments.allocation_version IS
'Checksum of arms, shares, metric and alpha: once people are in it, a plan with another one is refused';
COMMENT ON COLUMN activation.experiments.definition IS 'What campaign.yaml said of it, with window_days and the control';
COMMENT ON COLUMN activation.experiments.started_at IS 'When the first plan that may reach people was made';
COMMENT ON COLUMN activation.experiments.decided_at IS 'When a winner was found; people who came later count for nothing';
COMMENT ON COLUMN activation.experiments.winner IS 'The arm that all later occasions go to; the holdout stays';
COMMENT ON COLUMN activation.experiments.reason IS 'Why, in words';

CREATE TABLE activation.experiment_looks (
    campaign text NOT NULL,
    experiment text NOT NULL,
    arm text NOT NULL,
    look_on date NOT NULL,
    looked_at timestamptz NOT NULL,
    is_control boolean NOT NULL,
    share numeric(5, 2) NOT NULL,
    assigned bigint NOT NULL,
    sent bigint NOT NULL,
    conversions bigint NOT NULL,
    clickers bigint,
    rate double precision,
    difference double precision,
    interval_low double precision,
    interval_high double precision,
    p_value double precision,
    uplift double precision,
    uplift_low double precision,
    uplift_high double precision,
    ratio_p double precision,
    sent_ratio_p double precision,
    verdict text NOT NULL,
    is_simulated boolean NOT NULL,
    PRIMARY KEY (campaign, experiment, arm, look_on),
    FOREIGN KEY (campaign, experiment) REFERENCES activation.experiments
);
COMMENT ON TABLE activation.experiment_looks IS 'What was seen of each arm at the last look of each day; see marts.experiment_results';
COMMENT ON COLUMN activation.experiment_looks.campaign IS 'Name of the campaign, its folder under include/campaigns';
COMMENT ON COLUMN activation.experiment_looks.experiment IS 'Name of the experiment in campaign.yaml';
COMMENT ON COLUMN activation.experiment_looks.arm IS
'Name of the arm; holdout are those who got nothing so that the campaign can be measured';
COMMENT ON COLUMN activation.experiment_looks.look_on IS 'Day of the look, in the shop''s time zone';
COMMENT ON COLUMN activation.experiment_looks.looked_at IS 'When the last look of that day was made';
COMMENT ON COLUMN activation.experiment_looks.is_control IS 'The arm that the others are compared with';
COMMENT ON COLUMN activation.experiment_looks.share IS 'Percent of the audience that is drawn for it';
COMMENT ON COLUMN activation.experiment_looks.assigned IS
'People who were drawn for the arm and whose plan was released';
COMMENT ON COLUMN activation.experiment_looks.sent IS 'Those of them who were sent a message';
COMMENT ON COLUMN activation.experiment_looks.conversions IS
'Those of them who ordered within the attribution window after the release';
COMMENT ON COLUMN activation.experiment_looks.clickers IS 'Those of them who clicked within it, machines not counted';
COMMENT ON COLUMN activation.experiment_looks.rate IS 'Share of the assigned who did what the metric says, so far';
COMMENT ON COLUMN activation.experiment_looks.difference IS
'This rate less that of the control; empty for the control and the holdout';
COMMENT ON COLUMN activation.experiment_looks.interval_low IS
'Lower end of the interval of the difference, valid at all looks and for all arms together';
COMMENT ON COLUMN activation.experiment_looks.interval_high IS 'Upper end of that interval';
COMMENT ON COLUMN activation.experiment_looks.p_value IS
'Of no difference to the control, valid at any look, corrected for the number of arms';
COMMENT ON COLUMN activation.experiment_looks.uplift IS
'Share of buyers less that of the holdout; empty without one, and when clicks decide';
COMMENT ON COLUMN activation.experiment_looks.uplift_low IS 'Lower end of the interval of the uplift, valid at all looks';
COMMENT ON COLUMN activation.experiment_looks.uplift_high IS 'Upper end of that interval';
COMMENT ON COLUMN activation.experiment_looks.ratio_p IS
'Of people being in the shares that were meant, valid at any look; below 0.005 is an alarm';
COMMENT ON COLUMN activation.experiment_looks.sent_ratio_p IS 'The same of those who were sent a message, by arm';
COMMENT ON COLUMN activation.experiment_looks.verdict IS
'control, holdout; better, worse or undecided against the control; too_early before the minimum of days or people; ratio_mismatch when people are in other shares than was meant';
COMMENT ON COLUMN activation.experiment_looks.is_simulated IS 'Some of these people or of their clicks are simulated';

CREATE VIEW marts.experiment_results AS
SELECT
    k.campaign,
    k.experiment,
    k.arm,
    k.look_on,
    k.looked_at,
    k.is_control,
    k.share,
    e.definition ->> 'metric' AS metric,
    (e.definition ->> 'alpha')::double precision AS alpha,
    k.assigned,
    k.sent,
    k.conversions,
    k.clickers,
    k.rate,
    k.difference,
    k.interval_low,
    k.interval_high,
    k.p_value,
    k.uplift,
    k.uplift_low,
    k.uplift_high,
    k.ratio_p,
    k.sent_ratio_p,
    k.verdict,
    k.look_on = max(k.look_on) OVER (PARTITION BY k.campaign, k.experiment) AS is_newest,
    k.arm = e.winner AS is_winner,
    e.decided_at,
    e.reason,
    k.is_simulated
FROM activation.experiment_looks AS k
INNER JOIN activation.experiments AS e ON k.campaign = e.campaign AND k.experiment = e.experiment;

GRANT SELECT ON marts.experiment_results TO marketflow_sender, marketflow_audience, marketflow_analyst;

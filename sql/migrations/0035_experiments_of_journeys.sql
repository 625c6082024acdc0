-- Experiments in a journey's branch are judged like those of campaigns.

-- by whom a look counts; moves of other kinds cost nothing
CREATE INDEX journey_moves_drawn ON activation.journey_moves (journey, from_step, version, moved_at) WHERE starts_with(why, 'arm: ');

-- After a decision the winner's arm, which all get but those who are held out.
CREATE VIEW marts.journey_draws AS
SELECT
    s.journey,
    s.experiment,
    m.visit_id,
    v.customer_id,
    substr(m.why, length('arm: ') + 1) AS arm,
    m.moved_at AS drawn_at,
    m.version,
    m.from_step AS step
FROM (
    SELECT
        k.journey,
        k.version,
        x.value ->> 'step' AS step,
        x.value -> 'experiment' ->> 'name' AS experiment
    FROM activation.journey_versions AS k
    CROSS JOIN jsonb_array_elements(k.definition -> 'steps') AS x (value)
    WHERE x.value -> 'experiment' ->> 'name' IS NOT NULL
) AS s
INNER JOIN activation.journey_moves AS m
    ON s.journey = m.journey AND s.version = m.version AND s.step = m.from_step AND starts_with(m.why, 'arm: ')
INNER JOIN activation.journey_visits AS v ON m.visit_id = v.visit_id;

GRANT SELECT ON marts.journey_draws TO marketflow_sender, marketflow_audience, marketflow_analyst;

COMMENT ON COLUMN activation.plans.experiment IS
'The experiment of the campaign that its people were drawn for; empty without one, and in journeys, whose branches draw (marts.journey_draws)';
COMMENT ON TABLE activation.experiments IS
'One row per experiment of a campaign or in a branch of a journey: how it was meant when its first people came, and what was decided';
COMMENT ON COLUMN activation.experiments.campaign IS 'Name of the campaign or the journey';
COMMENT ON COLUMN activation.experiments.experiment IS
'Its name in campaign.yaml or journey.yaml, where a branch''s is the step''s unless it says another; people are drawn by campaign and name';
COMMENT ON COLUMN activation.experiments.definition IS 'What the file said of it, with window_days and the control; of a journey the step, too';
COMMENT ON COLUMN activation.experiments.started_at IS
'When the first plan that may reach people was made, or the journey''s version came into force';
COMMENT ON COLUMN activation.experiment_looks.campaign IS 'Name of the campaign or the journey';
COMMENT ON COLUMN activation.experiment_looks.experiment IS 'Name of the experiment in campaign.yaml or journey.yaml';
COMMENT ON COLUMN activation.experiment_looks.arm IS
'Name of the arm, in a journey the step that it leads to; holdout are those who got nothing so that it can be measured';
COMMENT ON COLUMN activation.experiment_looks.assigned IS
'People who were drawn for the arm: whose plan was released, or who came to the branch so long ago that their window has closed';
COMMENT ON COLUMN activation.experiment_looks.sent IS 'Those of them who were sent a message; in a journey a mail after the draw';
COMMENT ON COLUMN activation.experiment_looks.conversions IS
'Those of them who ordered within the attribution window after the release or the draw';
COMMENT ON COLUMN activation.experiment_looks.sent_ratio_p IS
'The same of those who were sent a message, by arm; 1 in a journey, whose arms may send different mails or none';

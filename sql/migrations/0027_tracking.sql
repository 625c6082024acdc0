-- What the verdict about an open or click needs, pages that a click led to, and what analysts see of both.

ALTER TABLE activation.tracking_events ADD COLUMN method text NOT NULL DEFAULT 'GET' CHECK (method IN ('GET', 'HEAD'));
COMMENT ON COLUMN activation.tracking_events.method IS 'GET, or HEAD, which shows nothing: programs that test links send it';
DROP INDEX activation.tracking_events_send;
CREATE INDEX tracking_events_send ON activation.tracking_events (send_id, occurred_at);
CREATE INDEX tracking_events_network ON activation.tracking_events (network_hash, occurred_at)
WHERE kind = 'click' AND network_hash IS NOT NULL;
GRANT SELECT, INSERT, UPDATE (verdict, verdict_reason, network_hash) ON activation.tracking_events TO marketflow_sender;

CREATE TABLE core.click_pages (
    event_id uuid PRIMARY KEY,
    click_id uuid NOT NULL,
    source text NOT NULL,
    occurred_at timestamptz NOT NULL,
    occurred_on date NOT NULL
);
COMMENT ON TABLE core.click_pages IS 'Events of the shop''s site or app whose address carried the id of a click in a message';
COMMENT ON COLUMN core.click_pages.event_id IS 'The event of the site, as in core.events';
COMMENT ON COLUMN core.click_pages.click_id IS 'The click, as in activation.tracking_events; forged ones have no row there';
CREATE INDEX click_pages_click ON core.click_pages (click_id);

CREATE VIEW marts.message_activity AS
SELECT
    s.send_id,
    s.campaign,
    s.occasion,
    s.channel,
    s.step,
    s.variant,
    coalesce(c.merged_into, s.customer_id) AS customer_id,
    CASE WHEN s.state = 'sent' THEN s.settled_at END AS sent_at,
    count(*) FILTER (WHERE t.kind = 'open' AND t.verdict = 'person') AS opens,
    count(*) FILTER (WHERE t.kind = 'open' AND t.verdict = 'proxy') AS proxy_opens,
    count(*) FILTER (WHERE t.kind = 'open' AND t.verdict = 'scanner') AS scanner_opens,
    min(t.occurred_at) FILTER (WHERE t.kind = 'open' AND t.verdict = 'person') AS first_opened_at,
    min(t.occurred_at) FILTER (WHERE t.kind = 'open' AND t.verdict = 'proxy') AS first_proxy_open_at,
    count(*) FILTER (WHERE t.kind = 'click' AND t.verdict = 'person') AS clicks,
    count(DISTINCT t.url) FILTER (WHERE t.kind = 'click' AND t.verdict = 'person') AS links_clicked,
    count(*) FILTER (WHERE t.kind = 'click' AND t.verdict <> 'person') AS scanner_clicks,
    min(t.occurred_at) FILTER (WHERE t.kind = 'click' AND t.verdict = 'person') AS first_clicked_at,
    count(*) FILTER (WHERE t.kind = 'web_version' AND t.verdict = 'person') AS web_views,
    max(t.occurred_at) FILTER (WHERE t.verdict = 'person') AS last_active_at,
    bool_or(t.is_simulated) AS is_simulated,
    s.is_test
FROM activation.tracking_events AS t
INNER JOIN activation.sends AS s ON t.send_id = s.send_id
LEFT JOIN core.customers AS c ON s.customer_id = c.customer_id
GROUP BY s.send_id, c.merged_into;

CREATE VIEW marts.click_results AS
SELECT
    t.event_id AS click_id,
    t.send_id,
    t.campaign,
    s.occasion,
    t.channel,
    s.variant,
    coalesce(c.merged_into, s.customer_id) AS customer_id,
    t.url,
    t.occurred_at AS clicked_at,
    t.verdict,
    t.verdict_reason,
    t.client,
    coalesce(g.pages, 0) AS pages,
    g.first_page_at,
    coalesce(b.orders, 0) AS orders,
    coalesce(b.revenue, 0) AS revenue,
    b.first_order_at,
    (p.definition -> 'campaign' ->> 'attribution_days')::integer AS attribution_days,
    t.is_simulated,
    s.is_test
FROM activation.tracking_events AS t
INNER JOIN activation.sends AS s ON t.send_id = s.send_id
INNER JOIN activation.plans AS p ON s.plan_id = p.plan_id
LEFT JOIN core.customers AS c ON s.customer_id = c.customer_id
LEFT JOIN LATERAL (
    SELECT
        count(*) AS pages,
        min(k.occurred_at) AS first_page_at
    FROM core.click_pages AS k
    WHERE k.click_id = t.event_id
) AS g ON TRUE
LEFT JOIN LATERAL (
    SELECT
        count(*) AS orders,
        sum(o.revenue) AS revenue,
        min(o.ordered_at) AS first_order_at
    FROM core.orders AS o
    WHERE
        t.verdict = 'person'
        AND o.customer_id = coalesce(c.merged_into, s.customer_id)
        AND o.kind = 'sale'
        AND o.ordered_at > t.occurred_at
        AND o.ordered_at <= t.occurred_at + make_interval(
            days => coalesce((p.definition -> 'campaign' ->> 'attribution_days')::integer, 7)
        )
        -- the last click in the message before the order has it, so that no order counts twice for a message
        AND NOT EXISTS (
            SELECT
            FROM activation.tracking_events AS l
            WHERE
                l.send_id = t.send_id
                AND l.kind = 'click'
                AND l.verdict = 'person'
                AND (l.occurred_at, l.event_id) > (t.occurred_at, t.event_id)
                AND l.occurred_at < o.ordered_at
        )
) AS b ON TRUE
WHERE t.kind = 'click';

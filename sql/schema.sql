-- The sum of sql/migrations, written by `make schema`; never edited.


CREATE SCHEMA activation;

ALTER SCHEMA activation OWNER TO marketflow_owner;

CREATE SCHEMA core;

ALTER SCHEMA core OWNER TO marketflow_owner;

CREATE SCHEMA features;

ALTER SCHEMA features OWNER TO marketflow_owner;

CREATE SCHEMA marts;

ALTER SCHEMA marts OWNER TO marketflow_owner;

CREATE SCHEMA models;

ALTER SCHEMA models OWNER TO marketflow_owner;

CREATE SCHEMA ops;

ALTER SCHEMA ops OWNER TO marketflow_owner;

CREATE SCHEMA privacy;

ALTER SCHEMA privacy OWNER TO marketflow_owner;

CREATE SCHEMA raw;

ALTER SCHEMA raw OWNER TO marketflow_owner;

CREATE FUNCTION activation.draw(salt text, person_id bigint) RETURNS double precision
    LANGUAGE sql IMMUTABLE
    RETURN ((((('x'::text || "left"(md5(((salt || ':'::text) || person_id)), 8)))::bit(32))::bigint)::double precision / (4294967296.0)::double precision);

ALTER FUNCTION activation.draw(salt text, person_id bigint) OWNER TO marketflow_owner;

CREATE FUNCTION activation.known_zone(zone text, fallback text) RETURNS text
    LANGUAGE sql STABLE
    RETURN CASE WHEN ((zone ~ '^(UTC|GMT|[A-Z][A-Za-z]+/[A-Z][A-Za-z0-9_/+-]+)$'::text) AND ((zone !~ '^Etc/GMT[+-]'::text) OR (zone ~ '^Etc/GMT[+-]([0-9]|1[0-4])$'::text)) AND pg_input_is_valid(('2000-01-01 00:00:00 '::text || zone), 'timestamptz'::text)) THEN zone ELSE fallback END;

ALTER FUNCTION activation.known_zone(zone text, fallback text) OWNER TO marketflow_owner;

CREATE FUNCTION activation.next_local(at timestamp with time zone, zone text, local time without time zone, weekdays integer[]) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    RETURN (WITH asked AS (SELECT next_local.at AS starts_at, ((next_local.at AT TIME ZONE next_local.zone))::date AS starts_on, next_local.zone AS zone_name, next_local.local AS local_time, next_local.weekdays AS on_days), days AS (SELECT a.starts_at, a.on_days, (a.starts_on + n.days) AS day, (((a.starts_on + n.days) + a.local_time) AT TIME ZONE a.zone_name) AS instant FROM (asked a CROSS JOIN generate_series(0, 8) n(days))) SELECT min(d.instant) AS min FROM days d WHERE ((d.instant > d.starts_at) AND ((cardinality(d.on_days) = 0) OR ((EXTRACT(isodow FROM d.day))::integer = ANY (d.on_days)))));

ALTER FUNCTION activation.next_local(at timestamp with time zone, zone text, local time without time zone, weekdays integer[]) OWNER TO marketflow_owner;

CREATE FUNCTION activation.quiet_until(at timestamp with time zone, zone text, quiet_from time without time zone, quiet_to time without time zone) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    RETURN CASE WHEN ((quiet_from < quiet_to) AND (((at AT TIME ZONE zone))::time without time zone >= quiet_from) AND (((at AT TIME ZONE zone))::time without time zone < quiet_to)) THEN ((((at AT TIME ZONE zone))::date + quiet_to) AT TIME ZONE zone) WHEN ((quiet_from > quiet_to) AND (((at AT TIME ZONE zone))::time without time zone < quiet_to)) THEN ((((at AT TIME ZONE zone))::date + quiet_to) AT TIME ZONE zone) WHEN ((quiet_from > quiet_to) AND (((at AT TIME ZONE zone))::time without time zone >= quiet_from)) THEN (((((at AT TIME ZONE zone))::date + 1) + quiet_to) AT TIME ZONE zone) ELSE NULL::timestamp with time zone END;

ALTER FUNCTION activation.quiet_until(at timestamp with time zone, zone text, quiet_from time without time zone, quiet_to time without time zone) OWNER TO marketflow_owner;

CREATE FUNCTION activation.reason_to_stop(bounces bigint, complaints bigint, answered numeric, reports bigint, bounces_percent double precision, complaints_percent double precision) RETURNS text
    LANGUAGE sql STABLE
    RETURN CASE WHEN ((bounces >= reports) AND (((bounces * 100))::double precision > ((answered)::double precision * bounces_percent))) THEN concat('bounces: ', bounces, ' of ', answered, ' messages (', round((((bounces)::numeric * 100.0) / answered), 2), ' %), the limit is ', bounces_percent, ' %') WHEN ((complaints >= reports) AND (((complaints * 100))::double precision > ((answered)::double precision * complaints_percent))) THEN concat('complaints: ', complaints, ' of ', answered, ' messages (', round((((complaints)::numeric * 100.0) / answered), 2), ' %), the limit is ', complaints_percent, ' %') ELSE NULL::text END;

ALTER FUNCTION activation.reason_to_stop(bounces bigint, complaints bigint, answered numeric, reports bigint, bounces_percent double precision, complaints_percent double precision) OWNER TO marketflow_owner;

CREATE FUNCTION models.begin_run(model text, run_id bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    part text := format('models.%I', model || '_' || run_id);
BEGIN
    IF to_regclass(part) IS NOT NULL THEN
        EXECUTE format('TRUNCATE %s', part);
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %s (LIKE models.%I INCLUDING CONSTRAINTS)', part, model);
    EXECUTE format(
        'ALTER TABLE models.%I ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)', model, part, run_id, run_id + 1
    );
END
$$;

ALTER FUNCTION models.begin_run(model text, run_id bigint) OWNER TO marketflow_owner;

CREATE FUNCTION ops.event_id(source text, natural_key text) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT (((((substr(d.digest, 1, 12) || '8'::text) || substr(d.digest, 14, 3)) || translate(substr(d.digest, 17, 1), '0123456789abcdef'::text, '89ab89ab89ab89ab'::text)) || substr(d.digest, 18, 15)))::uuid AS uuid FROM (SELECT encode(sha256(convert_to((((('event'::text || chr(31)) || event_id.source) || chr(31)) || event_id.natural_key), 'UTF8'::name)), 'hex'::text) AS digest) d);

ALTER FUNCTION ops.event_id(source text, natural_key text) OWNER TO marketflow_owner;

CREATE FUNCTION ops.newer_of(known anyelement, said anyelement) RETURNS anyelement
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT coalesce(said, known)$$;

ALTER FUNCTION ops.newer_of(known anyelement, said anyelement) OWNER TO marketflow_owner;

CREATE FUNCTION privacy.has_address(point_id bigint) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
    SELECT EXISTS (
        SELECT 1 FROM core.contact_points AS p
        WHERE p.contact_point_id = point_id AND octet_length(p.address) > 0
    )
$$;

ALTER FUNCTION privacy.has_address(point_id bigint) OWNER TO marketflow_owner;

CREATE FUNCTION privacy.is_suppressed(point_id bigint) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
    SELECT EXISTS (
        SELECT 1 FROM privacy.suppressions AS u
        INNER JOIN core.contact_points AS p ON u.channel = p.channel AND u.address_hash = p.address_hash
        WHERE p.contact_point_id = point_id
    )
$$;

ALTER FUNCTION privacy.is_suppressed(point_id bigint) OWNER TO marketflow_owner;

CREATE FUNCTION privacy.lift_unsubscription(point_id bigint, asked_at timestamp with time zone) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
    WITH lifted AS (
        DELETE FROM privacy.suppressions AS u
        USING core.contact_points AS p
        WHERE
            p.contact_point_id = point_id
            AND u.channel = p.channel AND u.address_hash = p.address_hash
            AND u.reason = 'unsubscribed' AND u.since < asked_at
        RETURNING 1
    )

    SELECT count(*) FROM lifted
$$;

ALTER FUNCTION privacy.lift_unsubscription(point_id bigint, asked_at timestamp with time zone) OWNER TO marketflow_owner;

CREATE FUNCTION privacy.suppress_unsubscribed(point_id bigint, asked_at timestamp with time zone) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO ''
    AS $$
    WITH noted AS (
        INSERT INTO privacy.suppressions AS u (channel, address_hash, reason, since)
        SELECT
            p.channel,
            p.address_hash,
            'unsubscribed' AS reason,
            asked_at AS since
        FROM core.contact_points AS p
        WHERE p.contact_point_id = point_id
        ON CONFLICT (channel, address_hash) DO UPDATE
            SET since = excluded.since
            WHERE u.reason = 'unsubscribed' AND u.since < excluded.since
        RETURNING 1
    )

    SELECT count(*) FROM noted
$$;

ALTER FUNCTION privacy.suppress_unsubscribed(point_id bigint, asked_at timestamp with time zone) OWNER TO marketflow_owner;

CREATE AGGREGATE ops.last_said(anyelement) (
    SFUNC = ops.newer_of,
    STYPE = anyelement
);

ALTER AGGREGATE ops.last_said(anyelement) OWNER TO marketflow_owner;

CREATE TABLE activation.campaign_states (
    campaign text NOT NULL,
    is_paused boolean NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    changed_by text NOT NULL,
    reason text,
    is_switched_off boolean DEFAULT false NOT NULL,
    is_held boolean DEFAULT false NOT NULL
);

ALTER TABLE activation.campaign_states OWNER TO marketflow_owner;

CREATE TABLE activation.channel_states (
    channel text NOT NULL,
    is_paused boolean NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    changed_by text NOT NULL,
    reason text
);

ALTER TABLE activation.channel_states OWNER TO marketflow_owner;

CREATE TABLE activation.contact_locks (
    person_id bigint NOT NULL
);

ALTER TABLE activation.contact_locks OWNER TO marketflow_owner;

CREATE TABLE activation.delivery_counts (
    channel text NOT NULL,
    campaign text NOT NULL,
    counted_at timestamp with time zone NOT NULL,
    answered bigint NOT NULL
);

ALTER TABLE activation.delivery_counts OWNER TO marketflow_owner;

CREATE TABLE activation.delivery_events (
    event_id uuid NOT NULL,
    send_id bigint NOT NULL,
    campaign text NOT NULL,
    channel text NOT NULL,
    kind text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    handed_over_at timestamp with time zone NOT NULL,
    source text NOT NULL,
    code text,
    CONSTRAINT delivery_events_kind_check CHECK ((kind = ANY (ARRAY['delivered'::text, 'bounce_hard'::text, 'bounce_soft'::text, 'complaint'::text])))
);

ALTER TABLE activation.delivery_events OWNER TO marketflow_owner;

CREATE TABLE activation.event_watermarks (
    campaign text NOT NULL,
    started_on date NOT NULL,
    taken_until timestamp with time zone NOT NULL,
    plan_id bigint NOT NULL
);

ALTER TABLE activation.event_watermarks OWNER TO marketflow_owner;

CREATE TABLE activation.experiment_looks (
    campaign text NOT NULL,
    experiment text NOT NULL,
    arm text NOT NULL,
    look_on date NOT NULL,
    looked_at timestamp with time zone NOT NULL,
    is_control boolean NOT NULL,
    share numeric(5,2) NOT NULL,
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
    is_simulated boolean NOT NULL
);

ALTER TABLE activation.experiment_looks OWNER TO marketflow_owner;

CREATE TABLE activation.experiments (
    campaign text NOT NULL,
    experiment text NOT NULL,
    allocation_version text NOT NULL,
    definition jsonb NOT NULL,
    started_at timestamp with time zone NOT NULL,
    decided_at timestamp with time zone,
    winner text,
    reason text,
    CONSTRAINT experiments_check CHECK ((((decided_at IS NULL) = (winner IS NULL)) AND ((winner IS NULL) = (reason IS NULL))))
);

ALTER TABLE activation.experiments OWNER TO marketflow_owner;

CREATE TABLE activation.journey_moves (
    visit_id bigint NOT NULL,
    number integer NOT NULL,
    journey text NOT NULL,
    version text NOT NULL,
    from_step text,
    to_step text,
    why text NOT NULL,
    moved_at timestamp with time zone NOT NULL,
    tick_id bigint NOT NULL
);

ALTER TABLE activation.journey_moves OWNER TO marketflow_owner;

CREATE TABLE activation.journey_states (
    journey text NOT NULL,
    started_on date NOT NULL,
    ticked_at timestamp with time zone,
    looked_at timestamp with time zone,
    missing_since timestamp with time zone,
    seen_builds timestamp with time zone[],
    mails_looked_at timestamp with time zone
);

ALTER TABLE activation.journey_states OWNER TO marketflow_owner;

CREATE TABLE activation.journey_steps (
    journey text NOT NULL,
    step text NOT NULL,
    number integer NOT NULL
);

ALTER TABLE activation.journey_steps OWNER TO marketflow_owner;

CREATE TABLE activation.journey_ticks (
    tick_id bigint NOT NULL,
    journey text NOT NULL,
    version text NOT NULL,
    kind text NOT NULL,
    ticked_at timestamp with time zone NOT NULL,
    people integer DEFAULT 0 NOT NULL,
    counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT journey_ticks_kind_check CHECK ((kind = ANY (ARRAY['enrol'::text, 'move'::text, 'change'::text, 'end'::text])))
);

ALTER TABLE activation.journey_ticks OWNER TO marketflow_owner;

ALTER TABLE activation.journey_ticks ALTER COLUMN tick_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME activation.journey_ticks_tick_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE activation.journey_versions (
    journey text NOT NULL,
    version text NOT NULL,
    definition jsonb NOT NULL,
    first_run_at timestamp with time zone NOT NULL,
    is_current boolean DEFAULT true NOT NULL
);

ALTER TABLE activation.journey_versions OWNER TO marketflow_owner;

CREATE TABLE activation.journey_visits (
    visit_id bigint NOT NULL,
    journey text NOT NULL,
    version text NOT NULL,
    customer_id bigint NOT NULL,
    occasion text NOT NULL,
    occasion_on date NOT NULL,
    state text NOT NULL,
    step text,
    due_at timestamp with time zone,
    entered_at timestamp with time zone NOT NULL,
    event_at timestamp with time zone NOT NULL,
    arrived_at timestamp with time zone NOT NULL,
    times_out_at timestamp with time zone,
    ended_at timestamp with time zone,
    reason text,
    moves integer DEFAULT 0 NOT NULL,
    CONSTRAINT journey_visits_check CHECK (((state = ANY (ARRAY['due'::text, 'waiting'::text])) = ((step IS NOT NULL) AND (due_at IS NOT NULL) AND (ended_at IS NULL)))),
    CONSTRAINT journey_visits_state_check CHECK ((state = ANY (ARRAY['due'::text, 'waiting'::text, 'done'::text, 'exited'::text])))
);

ALTER TABLE activation.journey_visits OWNER TO marketflow_owner;

ALTER TABLE activation.journey_visits ALTER COLUMN visit_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME activation.journey_visits_visit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE activation.mailbox_positions (
    mailbox text NOT NULL,
    uid_validity bigint NOT NULL,
    last_uid bigint NOT NULL,
    read_at timestamp with time zone NOT NULL
);

ALTER TABLE activation.mailbox_positions OWNER TO marketflow_owner;

CREATE TABLE activation.plan_members (
    plan_id bigint NOT NULL,
    customer_id bigint,
    contact_point_id bigint,
    outcome text NOT NULL,
    occasion text NOT NULL,
    variant text
);

ALTER TABLE activation.plan_members OWNER TO marketflow_owner;

CREATE TABLE activation.plans (
    plan_id bigint NOT NULL,
    campaign text NOT NULL,
    occasion text NOT NULL,
    channel text NOT NULL,
    definition_version text NOT NULL,
    definition jsonb NOT NULL,
    is_dry_run boolean NOT NULL,
    state text NOT NULL,
    business_date date NOT NULL,
    audience_size integer DEFAULT 0 NOT NULL,
    planned integer DEFAULT 0 NOT NULL,
    refusals jsonb DEFAULT '{}'::jsonb NOT NULL,
    samples jsonb DEFAULT '[]'::jsonb NOT NULL,
    reason text,
    planned_at timestamp with time zone NOT NULL,
    decided_by text,
    decided_at timestamp with time zone,
    released_at timestamp with time zone,
    cancelled_by text,
    cancelled_at timestamp with time zone,
    experiment text,
    step integer DEFAULT 0 NOT NULL,
    topic text,
    CONSTRAINT plans_state_check CHECK ((state = ANY (ARRAY['planned'::text, 'approved'::text, 'rejected'::text, 'released'::text, 'refused'::text, 'cancelled'::text])))
);

ALTER TABLE activation.plans OWNER TO marketflow_owner;

ALTER TABLE activation.plans ALTER COLUMN plan_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME activation.plans_plan_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE activation.rate_budgets (
    scope text NOT NULL,
    ready_at timestamp with time zone NOT NULL,
    hour_slots integer[] DEFAULT '{}'::integer[] NOT NULL,
    hour_counts integer[] DEFAULT '{}'::integer[] NOT NULL,
    day_slots integer[] DEFAULT '{}'::integer[] NOT NULL,
    day_counts integer[] DEFAULT '{}'::integer[] NOT NULL,
    booked_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL
);

ALTER TABLE activation.rate_budgets OWNER TO marketflow_owner;

CREATE TABLE activation.sends (
    send_id bigint NOT NULL,
    campaign text NOT NULL,
    occasion text NOT NULL,
    contact_point_id bigint NOT NULL,
    channel text NOT NULL,
    step integer DEFAULT 0 NOT NULL,
    plan_id bigint NOT NULL,
    customer_id bigint,
    purpose text NOT NULL,
    state text DEFAULT 'planned'::text NOT NULL,
    reason text,
    priority integer DEFAULT 100 NOT NULL,
    send_after timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    definition_version text NOT NULL,
    content jsonb DEFAULT '{}'::jsonb NOT NULL,
    message_id text NOT NULL,
    claim_token uuid,
    lease_until timestamp with time zone,
    planned_at timestamp with time zone NOT NULL,
    released_at timestamp with time zone,
    claimed_at timestamp with time zone,
    sending_at timestamp with time zone,
    settled_at timestamp with time zone,
    is_simulated boolean DEFAULT false NOT NULL,
    is_test boolean DEFAULT false NOT NULL,
    variant text,
    CONSTRAINT sends_check CHECK (((state = ANY (ARRAY['claimed'::text, 'sending'::text])) <= ((claim_token IS NOT NULL) AND (lease_until IS NOT NULL)))),
    CONSTRAINT sends_check1 CHECK (((state = ANY (ARRAY['skipped'::text, 'failed'::text, 'deferred'::text, 'unknown'::text])) <= (reason IS NOT NULL))),
    CONSTRAINT sends_state_check CHECK ((state = ANY (ARRAY['planned'::text, 'released'::text, 'claimed'::text, 'sending'::text, 'sent'::text, 'failed'::text, 'unknown'::text, 'deferred'::text, 'skipped'::text, 'cancelled'::text, 'expired'::text])))
);

ALTER TABLE activation.sends OWNER TO marketflow_owner;

ALTER TABLE activation.sends ALTER COLUMN send_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME activation.sends_send_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE activation.taken_events (
    campaign text NOT NULL,
    customer_id bigint NOT NULL,
    occasion text NOT NULL,
    occasion_on date NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    outcome text NOT NULL,
    plan_id bigint NOT NULL
);

ALTER TABLE activation.taken_events OWNER TO marketflow_owner;

CREATE TABLE activation.tracking_events (
    event_id uuid NOT NULL,
    send_id bigint NOT NULL,
    campaign text NOT NULL,
    channel text NOT NULL,
    kind text NOT NULL,
    url text,
    occurred_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    verdict text NOT NULL,
    verdict_reason text,
    client text,
    network_hash bytea,
    is_simulated boolean DEFAULT false NOT NULL,
    method text DEFAULT 'GET'::text NOT NULL,
    CONSTRAINT tracking_events_check CHECK (((kind = 'click'::text) = (url IS NOT NULL))),
    CONSTRAINT tracking_events_check1 CHECK (((verdict = 'person'::text) <= (verdict_reason IS NULL))),
    CONSTRAINT tracking_events_kind_check CHECK ((kind = ANY (ARRAY['open'::text, 'click'::text, 'web_version'::text]))),
    CONSTRAINT tracking_events_method_check CHECK ((method = ANY (ARRAY['GET'::text, 'HEAD'::text]))),
    CONSTRAINT tracking_events_verdict_check CHECK ((verdict = ANY (ARRAY['person'::text, 'proxy'::text, 'scanner'::text])))
);

ALTER TABLE activation.tracking_events OWNER TO marketflow_owner;

CREATE TABLE activation.unknown_decisions (
    decision_id bigint NOT NULL,
    send_id bigint NOT NULL,
    decision text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamp with time zone NOT NULL,
    CONSTRAINT unknown_decisions_decision_check CHECK ((decision = ANY (ARRAY['arrived'::text, 'send_again'::text, 'give_up'::text])))
);

ALTER TABLE activation.unknown_decisions OWNER TO marketflow_owner;

ALTER TABLE activation.unknown_decisions ALTER COLUMN decision_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME activation.unknown_decisions_decision_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.orders (
    order_id bigint NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    customer_id bigint,
    store_ref text,
    ordered_at timestamp with time zone NOT NULL,
    ordered_on date NOT NULL,
    line_count integer NOT NULL,
    revenue numeric(14,2) NOT NULL,
    discount numeric(14,2) NOT NULL,
    currency text NOT NULL,
    file_id bigint NOT NULL,
    kind text DEFAULT 'sale'::text NOT NULL,
    original_order_ref text,
    version_at timestamp with time zone DEFAULT '2000-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    base_revenue numeric(14,2),
    CONSTRAINT orders_kind_check CHECK ((kind = ANY (ARRAY['sale'::text, 'return'::text, 'cancellation'::text])))
);

ALTER TABLE core.orders OWNER TO marketflow_owner;

ALTER TABLE core.orders ALTER COLUMN order_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME core.orders_order_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.simulated_orders (
    order_id bigint DEFAULT nextval('core.orders_order_id_seq'::regclass) NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    customer_id bigint,
    ordered_at timestamp with time zone NOT NULL,
    ordered_on date NOT NULL,
    line_count integer NOT NULL,
    revenue numeric(14,2) NOT NULL,
    discount numeric(14,2) NOT NULL,
    currency text NOT NULL,
    kind text NOT NULL,
    base_revenue numeric(14,2),
    file_id bigint NOT NULL,
    version_at timestamp with time zone NOT NULL,
    CONSTRAINT simulated_orders_kind_check CHECK ((kind = ANY (ARRAY['sale'::text, 'return'::text, 'cancellation'::text])))
);

ALTER TABLE core.simulated_orders OWNER TO marketflow_owner;

CREATE VIEW core.all_orders AS
 SELECT o.order_id,
    o.source,
    o.external_id,
    o.customer_id,
    o.ordered_at,
    o.ordered_on,
    o.line_count,
    o.revenue,
    o.discount,
    o.currency,
    o.kind,
    o.base_revenue,
    false AS is_simulated
   FROM core.orders o
UNION ALL
 SELECT s.order_id,
    s.source,
    s.external_id,
    s.customer_id,
    s.ordered_at,
    s.ordered_on,
    s.line_count,
    s.revenue,
    s.discount,
    s.currency,
    s.kind,
    s.base_revenue,
    true AS is_simulated
   FROM core.simulated_orders s;

ALTER VIEW core.all_orders OWNER TO marketflow_owner;

CREATE TABLE core.baskets (
    order_id bigint NOT NULL,
    first_no integer NOT NULL,
    record_nos integer[] NOT NULL,
    product_refs text[] NOT NULL,
    quantities numeric[] NOT NULL,
    amounts numeric[] NOT NULL,
    retail_discounts numeric[],
    coupon_discounts numeric[]
);
ALTER TABLE ONLY core.baskets ALTER COLUMN record_nos SET STATISTICS 0;
ALTER TABLE ONLY core.baskets ALTER COLUMN product_refs SET STATISTICS 0;
ALTER TABLE ONLY core.baskets ALTER COLUMN quantities SET STATISTICS 0;
ALTER TABLE ONLY core.baskets ALTER COLUMN amounts SET STATISTICS 0;
ALTER TABLE ONLY core.baskets ALTER COLUMN retail_discounts SET STATISTICS 0;
ALTER TABLE ONLY core.baskets ALTER COLUMN coupon_discounts SET STATISTICS 0;

ALTER TABLE core.baskets OWNER TO marketflow_owner;

CREATE TABLE core.campaigns (
    campaign_id bigint NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    campaign_name text,
    theme text,
    channel text,
    place text,
    content text,
    starts_on date,
    ends_on date,
    budget numeric(14,2),
    currency text,
    version_at timestamp with time zone NOT NULL,
    file_id bigint NOT NULL,
    is_deleted boolean DEFAULT false NOT NULL
);

ALTER TABLE core.campaigns OWNER TO marketflow_owner;

ALTER TABLE core.campaigns ALTER COLUMN campaign_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME core.campaigns_campaign_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.click_pages (
    event_id uuid NOT NULL,
    click_id uuid NOT NULL,
    source text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    occurred_on date NOT NULL
);

ALTER TABLE core.click_pages OWNER TO marketflow_owner;

CREATE TABLE core.contact_points (
    contact_point_id bigint NOT NULL,
    channel text NOT NULL,
    address_hash bytea NOT NULL,
    address bytea NOT NULL,
    customer_id bigint,
    is_simulated boolean DEFAULT false NOT NULL,
    is_test boolean DEFAULT false NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    forgotten_at timestamp with time zone,
    CONSTRAINT contact_points_channel_check CHECK ((channel = ANY (ARRAY['email'::text, 'sms'::text, 'webhook'::text, 'mastodon'::text, 'x'::text, 'bluesky'::text, 'memory'::text])))
);

ALTER TABLE core.contact_points OWNER TO marketflow_owner;

ALTER TABLE core.contact_points ALTER COLUMN contact_point_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME core.contact_points_contact_point_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.contacts (
    source text NOT NULL,
    external_id text NOT NULL,
    channel text NOT NULL,
    address_hash bytea NOT NULL,
    label text,
    version_at timestamp with time zone NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    is_deleted boolean NOT NULL,
    CONSTRAINT contacts_channel_check CHECK ((channel = ANY (ARRAY['email'::text, 'sms'::text])))
);

ALTER TABLE core.contacts OWNER TO marketflow_owner;

CREATE TABLE core.coupons (
    coupon_id bigint NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    campaign_ref text,
    product_ref text,
    description text,
    discount_amount numeric(14,2),
    discount_percent numeric(6,3),
    currency text,
    valid_from date,
    valid_until date,
    version_at timestamp with time zone NOT NULL,
    file_id bigint NOT NULL,
    is_deleted boolean DEFAULT false NOT NULL
);

ALTER TABLE core.coupons OWNER TO marketflow_owner;

ALTER TABLE core.coupons ALTER COLUMN coupon_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME core.coupons_coupon_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.current_addresses (
    customer_id bigint NOT NULL,
    contact_point_id bigint,
    sms_contact_point_id bigint
);

ALTER TABLE core.current_addresses OWNER TO marketflow_owner;

CREATE TABLE core.customer_identifiers (
    source text NOT NULL,
    external_id text NOT NULL,
    customer_id bigint NOT NULL,
    joined_by text,
    CONSTRAINT customer_identifiers_joined_by_check CHECK ((joined_by = ANY (ARRAY['loyalty'::text, 'email'::text, 'phone'::text, 'sign_in'::text])))
);

ALTER TABLE core.customer_identifiers OWNER TO marketflow_owner;

CREATE TABLE core.customer_keys (
    key_kind text NOT NULL,
    key_hash bytea NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    customer_id bigint NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    said_at timestamp with time zone NOT NULL,
    CONSTRAINT customer_keys_key_kind_check CHECK ((key_kind = ANY (ARRAY['loyalty'::text, 'email'::text, 'phone'::text])))
);

ALTER TABLE core.customer_keys OWNER TO marketflow_owner;

CREATE TABLE core.customer_merges (
    merge_id bigint NOT NULL,
    kept_customer_id bigint NOT NULL,
    merged_customer_id bigint NOT NULL,
    key_kind text NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    reason text NOT NULL,
    merged_at timestamp with time zone NOT NULL
);

ALTER TABLE core.customer_merges OWNER TO marketflow_owner;

ALTER TABLE core.customer_merges ALTER COLUMN merge_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME core.customer_merges_merge_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.customer_versions (
    source text NOT NULL,
    external_id text NOT NULL,
    feed text NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone,
    confirmed_at timestamp with time zone NOT NULL,
    given_name bytea,
    family_name bytea,
    birth_date bytea,
    given_name_hash bytea,
    family_name_hash bytea,
    birth_date_hash bytea,
    email_hash bytea,
    email_refusal text,
    phone_hash bytea,
    phone_refusal text,
    gender text,
    locale text,
    time_zone text,
    country text,
    age_band text,
    income_band text,
    home_ownership text,
    marital_status text,
    household_size text,
    household_composition text,
    kids_count text,
    is_simulated boolean NOT NULL,
    is_partial boolean NOT NULL,
    is_deleted boolean NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    fingerprint bytea NOT NULL
);

ALTER TABLE core.customer_versions OWNER TO marketflow_owner;

CREATE TABLE core.customers (
    customer_id bigint NOT NULL,
    given_name bytea,
    family_name bytea,
    locale text DEFAULT 'en-US'::text NOT NULL,
    time_zone text DEFAULT 'UTC'::text NOT NULL,
    country text DEFAULT 'US'::text NOT NULL,
    age_band text,
    income_band text,
    home_ownership text,
    marital_status text,
    household_size text,
    household_composition text,
    kids_count text,
    is_simulated boolean DEFAULT false NOT NULL,
    is_test boolean DEFAULT false NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    gender text,
    birth_date bytea,
    is_deleted boolean DEFAULT false NOT NULL,
    merged_into bigint
);

ALTER TABLE core.customers OWNER TO marketflow_owner;

ALTER TABLE core.customers ALTER COLUMN customer_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME core.customers_customer_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.deleted_orders (
    source text NOT NULL,
    external_id text NOT NULL,
    version_at timestamp with time zone NOT NULL,
    file_id bigint NOT NULL
);

ALTER TABLE core.deleted_orders OWNER TO marketflow_owner;

CREATE TABLE core.event_types (
    event_type text NOT NULL,
    first_seen_at timestamp with time zone NOT NULL
);

ALTER TABLE core.event_types OWNER TO marketflow_owner;

CREATE TABLE core.events (
    occurred_on date NOT NULL,
    event_id uuid NOT NULL,
    source text NOT NULL,
    event_type text NOT NULL,
    customer_id bigint,
    occurred_at timestamp with time zone NOT NULL,
    properties jsonb NOT NULL,
    anonymous_ref text,
    version_at timestamp with time zone DEFAULT '2000-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    file_id bigint DEFAULT 0 NOT NULL
)
PARTITION BY RANGE (occurred_on);

ALTER TABLE core.events OWNER TO marketflow_owner;

CREATE TABLE core.events_rest (
    occurred_on date CONSTRAINT events_occurred_on_not_null NOT NULL,
    event_id uuid CONSTRAINT events_event_id_not_null NOT NULL,
    source text CONSTRAINT events_source_not_null NOT NULL,
    event_type text CONSTRAINT events_event_type_not_null NOT NULL,
    customer_id bigint,
    occurred_at timestamp with time zone CONSTRAINT events_occurred_at_not_null NOT NULL,
    properties jsonb CONSTRAINT events_properties_not_null NOT NULL,
    anonymous_ref text,
    version_at timestamp with time zone DEFAULT '2000-01-01 00:00:00+00'::timestamp with time zone CONSTRAINT events_version_at_not_null NOT NULL,
    file_id bigint DEFAULT 0 CONSTRAINT events_file_id_not_null NOT NULL
);

ALTER TABLE core.events_rest OWNER TO marketflow_owner;

CREATE TABLE core.exchange_rates (
    base_currency text NOT NULL,
    currency text NOT NULL,
    rate_on date NOT NULL,
    rate numeric(20,10) NOT NULL,
    source text NOT NULL,
    version_at timestamp with time zone NOT NULL,
    file_id bigint NOT NULL,
    CONSTRAINT exchange_rates_rate_check CHECK ((rate > (0)::numeric))
);

ALTER TABLE core.exchange_rates OWNER TO marketflow_owner;

CREATE TABLE core.feedback (
    feedback_id bigint NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    customer_id bigint,
    order_ref text,
    product_ref text,
    campaign_ref text,
    rating numeric(6,2),
    rating_max numeric(6,2) NOT NULL,
    body bytea,
    channel text,
    given_at timestamp with time zone NOT NULL,
    given_on date NOT NULL,
    version_at timestamp with time zone NOT NULL,
    file_id bigint NOT NULL,
    is_deleted boolean DEFAULT false NOT NULL
);

ALTER TABLE core.feedback OWNER TO marketflow_owner;

ALTER TABLE core.feedback ALTER COLUMN feedback_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME core.feedback_feedback_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.interactions (
    interaction_id bigint NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    customer_id bigint,
    kind text NOT NULL,
    direction text,
    subject bytea,
    body bytea,
    agent_ref text,
    status text,
    outcome text,
    occurred_at timestamp with time zone NOT NULL,
    occurred_on date NOT NULL,
    version_at timestamp with time zone NOT NULL,
    file_id bigint NOT NULL,
    is_deleted boolean DEFAULT false NOT NULL
);

ALTER TABLE core.interactions OWNER TO marketflow_owner;

ALTER TABLE core.interactions ALTER COLUMN interaction_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME core.interactions_interaction_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE core.products (
    product_id bigint NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    manufacturer_ref text,
    brand text,
    department text,
    category text,
    product_type text,
    package_size text,
    in_catalogue boolean NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    product_name text,
    list_price numeric(14,2),
    currency text,
    product_url text,
    image_url text,
    availability text
);

ALTER TABLE core.products OWNER TO marketflow_owner;

CREATE VIEW core.order_lines AS
 SELECT o.order_id,
    ((l.record_no - b.first_no) + 1) AS line_no,
    p.product_id,
    (l.quantity)::numeric(14,3) AS quantity,
    (l.amount)::numeric(14,2) AS amount,
    ((COALESCE(l.retail_discount, (0)::numeric) + COALESCE(l.coupon_discount, (0)::numeric)))::numeric(14,2) AS discount,
    o.ordered_on
   FROM (((core.orders o
     JOIN core.baskets b ON ((o.order_id = b.order_id)))
     CROSS JOIN LATERAL ( SELECT unnest(b.record_nos) AS record_no,
            unnest(b.product_refs) AS product_ref,
            unnest(b.quantities) AS quantity,
            unnest(b.amounts) AS amount,
            unnest(b.retail_discounts) AS retail_discount,
            unnest(b.coupon_discounts) AS coupon_discount) l)
     JOIN core.products p ON (((o.source = p.source) AND (l.product_ref = p.external_id))));

ALTER VIEW core.order_lines OWNER TO marketflow_owner;

CREATE TABLE core.product_versions (
    source text NOT NULL,
    external_id text NOT NULL,
    feed text NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone,
    confirmed_at timestamp with time zone NOT NULL,
    product_name text,
    manufacturer_ref text,
    brand text,
    department text,
    category text,
    product_type text,
    package_size text,
    list_price numeric(14,2),
    currency text,
    product_url text,
    image_url text,
    is_deleted boolean NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    fingerprint bytea NOT NULL,
    availability text
);

ALTER TABLE core.product_versions OWNER TO marketflow_owner;

ALTER TABLE core.products ALTER COLUMN product_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME core.products_product_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE features.daily_sales (
    sold_on date NOT NULL,
    series_kind text NOT NULL,
    series text NOT NULL,
    revenue numeric(18,2) NOT NULL,
    CONSTRAINT daily_sales_series_kind_check CHECK ((series_kind = ANY (ARRAY['total'::text, 'category'::text, 'segment'::text])))
);

ALTER TABLE features.daily_sales OWNER TO marketflow_owner;

CREATE TABLE features.daily_sales_marks (
    is_kept boolean DEFAULT true NOT NULL,
    products_to bigint NOT NULL,
    departments numeric NOT NULL,
    months_to date NOT NULL,
    memberships numeric NOT NULL,
    CONSTRAINT daily_sales_marks_is_kept_check CHECK (is_kept)
);

ALTER TABLE features.daily_sales_marks OWNER TO marketflow_owner;

CREATE TABLE features.purchase_summaries (
    customer_id bigint NOT NULL,
    frequency integer NOT NULL,
    monetary numeric(14,2) NOT NULL,
    first_order_on date NOT NULL,
    last_order_on date NOT NULL
);

ALTER TABLE features.purchase_summaries OWNER TO marketflow_owner;

CREATE TABLE features.purchase_windows (
    is_kept boolean DEFAULT true NOT NULL,
    as_of date NOT NULL,
    window_days integer NOT NULL,
    customers bigint NOT NULL,
    CONSTRAINT purchase_windows_is_kept_check CHECK (is_kept)
);

ALTER TABLE features.purchase_windows OWNER TO marketflow_owner;

CREATE TABLE marts.association_rules (
    level text NOT NULL,
    antecedents text[] NOT NULL,
    consequents text[] NOT NULL,
    antecedent_ids bigint[] NOT NULL,
    consequent_ids bigint[] NOT NULL,
    support double precision NOT NULL,
    confidence double precision NOT NULL,
    lift double precision NOT NULL,
    leverage double precision NOT NULL,
    baskets integer NOT NULL,
    model_run_id bigint NOT NULL
);

ALTER TABLE marts.association_rules OWNER TO marketflow_owner;

CREATE TABLE marts.attributed_orders (
    basis text NOT NULL,
    order_id bigint NOT NULL,
    send_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    campaign text NOT NULL,
    channel text NOT NULL,
    variant text NOT NULL,
    step integer NOT NULL,
    touched_at timestamp with time zone NOT NULL,
    ordered_at timestamp with time zone NOT NULL,
    ordered_on date NOT NULL,
    place integer NOT NULL,
    touches integer NOT NULL,
    share_first numeric(13,12) NOT NULL,
    share_last numeric(13,12) NOT NULL,
    share_linear numeric(13,12) NOT NULL,
    share_time_decay numeric(13,12) NOT NULL,
    share_position numeric(13,12) NOT NULL,
    revenue_first numeric(14,2) NOT NULL,
    revenue_last numeric(14,2) NOT NULL,
    revenue_linear numeric(14,2) NOT NULL,
    revenue_time_decay numeric(14,2) NOT NULL,
    revenue_position numeric(14,2) NOT NULL,
    is_simulated boolean NOT NULL
);

ALTER TABLE marts.attributed_orders OWNER TO marketflow_owner;

CREATE TABLE marts.campaign_arms (
    campaign text NOT NULL,
    channel text NOT NULL,
    breakdown text NOT NULL,
    part text NOT NULL,
    arm text NOT NULL,
    control text NOT NULL,
    people bigint NOT NULL,
    sent bigint NOT NULL,
    buyers bigint NOT NULL,
    orders bigint NOT NULL,
    revenue numeric(18,2) NOT NULL,
    revenue_squares numeric(30,4) NOT NULL,
    revenue_cubes numeric(40,6) NOT NULL,
    waiting bigint NOT NULL,
    cost numeric(18,6),
    is_simulated boolean NOT NULL
);

ALTER TABLE marts.campaign_arms OWNER TO marketflow_owner;

CREATE TABLE marts.campaign_attribution (
    basis text NOT NULL,
    model text NOT NULL,
    campaign text NOT NULL,
    channel text NOT NULL,
    variant text NOT NULL,
    orders numeric(24,12) NOT NULL,
    revenue numeric(18,2) NOT NULL,
    orders_touched bigint NOT NULL,
    is_simulated boolean NOT NULL
);

ALTER TABLE marts.campaign_attribution OWNER TO marketflow_owner;

CREATE VIEW marts.campaign_members AS
 SELECT m.plan_id,
    p.campaign,
    m.occasion,
    p.channel,
    m.customer_id,
    p.business_date,
    p.is_dry_run,
    p.definition_version,
    (((p.definition -> 'campaign'::text) -> 'audience'::text) ->> 'where'::text) AS rule,
    p.state AS plan_state,
    p.planned_at,
    m.outcome,
    s.send_id,
    s.state AS send_state,
    s.reason AS send_reason,
        CASE
            WHEN (s.state = 'sent'::text) THEN s.settled_at
            ELSE NULL::timestamp with time zone
        END AS sent_at,
    m.variant
   FROM ((activation.plan_members m
     JOIN activation.plans p ON ((m.plan_id = p.plan_id)))
     LEFT JOIN activation.sends s ON (((p.campaign = s.campaign) AND (m.occasion = s.occasion) AND (m.contact_point_id = s.contact_point_id) AND (p.channel = s.channel) AND (p.step = s.step) AND (NOT p.is_dry_run) AND ((m.outcome <> 'planned'::text) OR (m.plan_id = s.plan_id)))));

ALTER VIEW marts.campaign_members OWNER TO marketflow_owner;

CREATE TABLE marts.campaign_performance (
    campaign text NOT NULL,
    occasion text NOT NULL,
    channel text NOT NULL,
    planned integer NOT NULL,
    sent integer NOT NULL,
    failed integer NOT NULL,
    unknown integer NOT NULL,
    waiting integer NOT NULL,
    skipped integer NOT NULL,
    ended_unsent integer NOT NULL,
    unsubscribed integer NOT NULL,
    buyers integer NOT NULL,
    revenue numeric(14,2) NOT NULL,
    attribution_days integer NOT NULL,
    first_sent_at timestamp with time zone,
    last_sent_at timestamp with time zone,
    is_simulated boolean DEFAULT false NOT NULL
);

ALTER TABLE marts.campaign_performance OWNER TO marketflow_owner;

CREATE TABLE marts.campaign_recommendations (
    customer_id bigint NOT NULL,
    campaign_id bigint NOT NULL,
    campaign_name text NOT NULL,
    rank integer NOT NULL,
    customer_rank integer NOT NULL,
    score double precision NOT NULL,
    reason text NOT NULL,
    model_run_id bigint NOT NULL
);

ALTER TABLE marts.campaign_recommendations OWNER TO marketflow_owner;

CREATE TABLE marts.campaign_results (
    campaign text NOT NULL,
    channel text NOT NULL,
    breakdown text NOT NULL,
    part text NOT NULL,
    planned bigint NOT NULL,
    sent bigint NOT NULL,
    delivered bigint NOT NULL,
    opened bigint NOT NULL,
    opened_by_proxy bigint NOT NULL,
    clicked bigint NOT NULL,
    clicked_by_scanner bigint NOT NULL,
    visitors bigint NOT NULL,
    pages bigint NOT NULL,
    unsubscribed bigint NOT NULL,
    complained bigint NOT NULL,
    bounced_hard bigint NOT NULL,
    bounced_soft bigint NOT NULL,
    people bigint NOT NULL,
    buyers bigint NOT NULL,
    orders bigint NOT NULL,
    revenue numeric(18,2) NOT NULL,
    ratings bigint NOT NULL,
    rating_mean numeric(5,4),
    rating_positive bigint NOT NULL,
    cost numeric(18,6),
    open_rate numeric(7,6),
    click_rate numeric(7,6),
    conversion_rate numeric(7,6),
    unsubscribe_rate numeric(7,6),
    complaint_rate numeric(7,6),
    bounce_rate numeric(7,6),
    attribution_days integer NOT NULL,
    first_sent_at timestamp with time zone,
    last_sent_at timestamp with time zone,
    is_simulated boolean NOT NULL
);

ALTER TABLE marts.campaign_results OWNER TO marketflow_owner;

CREATE VIEW marts.campaign_sends AS
 SELECT s.send_id,
    s.campaign,
    s.occasion,
    s.channel,
    s.step,
    s.plan_id,
    COALESCE(c.merged_into, s.customer_id) AS customer_id,
    s.purpose,
    s.definition_version,
    s.state,
    s.reason,
    s.attempts,
    s.planned_at,
    s.released_at,
        CASE
            WHEN (s.state = 'sent'::text) THEN s.settled_at
            ELSE NULL::timestamp with time zone
        END AS sent_at,
    s.is_test,
    s.variant
   FROM (activation.sends s
     LEFT JOIN core.customers c ON ((s.customer_id = c.customer_id)));

ALTER VIEW marts.campaign_sends OWNER TO marketflow_owner;

CREATE TABLE marts.campaign_uplift (
    campaign text NOT NULL,
    channel text NOT NULL,
    breakdown text NOT NULL,
    part text NOT NULL,
    measure text NOT NULL,
    control text NOT NULL,
    people bigint NOT NULL,
    control_people bigint NOT NULL,
    buyers bigint NOT NULL,
    control_buyers bigint NOT NULL,
    value double precision NOT NULL,
    control_value double precision NOT NULL,
    difference double precision NOT NULL,
    difference_low double precision NOT NULL,
    difference_high double precision NOT NULL,
    p_value double precision NOT NULL,
    relative double precision,
    relative_low double precision,
    relative_high double precision,
    incremental double precision NOT NULL,
    incremental_low double precision NOT NULL,
    incremental_high double precision NOT NULL,
    cost double precision,
    return_on_cost double precision,
    return_low double precision,
    return_high double precision,
    confidence double precision NOT NULL,
    has_enough boolean NOT NULL,
    waiting bigint NOT NULL,
    is_simulated boolean NOT NULL
);

ALTER TABLE marts.campaign_uplift OWNER TO marketflow_owner;

CREATE VIEW marts.click_results AS
 SELECT t.event_id AS click_id,
    t.send_id,
    t.campaign,
    s.occasion,
    t.channel,
    s.variant,
    COALESCE(c.merged_into, s.customer_id) AS customer_id,
    t.url,
    t.occurred_at AS clicked_at,
    t.verdict,
    t.verdict_reason,
    t.client,
    COALESCE(g.pages, (0)::bigint) AS pages,
    g.first_page_at,
    COALESCE(b.orders, (0)::bigint) AS orders,
    COALESCE(b.revenue, (0)::numeric) AS revenue,
    b.first_order_at,
    (((p.definition -> 'campaign'::text) ->> 'attribution_days'::text))::integer AS attribution_days,
    t.is_simulated,
    s.is_test
   FROM (((((activation.tracking_events t
     JOIN activation.sends s ON ((t.send_id = s.send_id)))
     JOIN activation.plans p ON ((s.plan_id = p.plan_id)))
     LEFT JOIN core.customers c ON ((s.customer_id = c.customer_id)))
     LEFT JOIN LATERAL ( SELECT count(*) AS pages,
            min(k.occurred_at) AS first_page_at
           FROM core.click_pages k
          WHERE (k.click_id = t.event_id)) g ON (true))
     LEFT JOIN LATERAL ( SELECT count(*) AS orders,
            sum(o.revenue) AS revenue,
            min(o.ordered_at) AS first_order_at
           FROM core.all_orders o
          WHERE ((t.verdict = 'person'::text) AND (o.customer_id = COALESCE(c.merged_into, s.customer_id)) AND (o.kind = 'sale'::text) AND (o.ordered_at > t.occurred_at) AND (o.ordered_at <= (t.occurred_at + make_interval(days => COALESCE((((p.definition -> 'campaign'::text) ->> 'attribution_days'::text))::integer, 7)))) AND (NOT (EXISTS ( SELECT
                   FROM activation.tracking_events l
                  WHERE ((l.send_id = t.send_id) AND (l.kind = 'click'::text) AND (l.verdict = 'person'::text) AND (ROW(l.occurred_at, l.event_id) > ROW(t.occurred_at, t.event_id)) AND (l.occurred_at < o.ordered_at))))))) b ON (true))
  WHERE (t.kind = 'click'::text);

ALTER VIEW marts.click_results OWNER TO marketflow_owner;

CREATE TABLE marts.cluster_profiles (
    cluster_id integer NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    customers bigint NOT NULL,
    share double precision NOT NULL,
    revenue_share double precision NOT NULL,
    as_of date NOT NULL
);

ALTER TABLE marts.cluster_profiles OWNER TO marketflow_owner;

CREATE TABLE marts.customer_360 (
    customer_id bigint NOT NULL,
    segment text,
    recency_days integer,
    frequency integer,
    monetary numeric(14,2),
    recency_score integer,
    frequency_score integer,
    monetary_score integer,
    orders integer NOT NULL,
    revenue numeric(14,2) NOT NULL,
    currency text,
    first_order_on date,
    last_order_on date,
    campaigns_received integer NOT NULL,
    coupons_redeemed integer NOT NULL,
    email_contact_point_id bigint,
    email_consent boolean NOT NULL,
    locale text NOT NULL,
    time_zone text NOT NULL,
    country text NOT NULL,
    age_band text,
    income_band text,
    home_ownership text,
    marital_status text,
    household_size text,
    household_composition text,
    kids_count text,
    is_simulated boolean NOT NULL,
    is_test boolean NOT NULL,
    segment_since date,
    cluster text,
    alive_probability double precision,
    expected_orders double precision,
    customer_value numeric(18,2),
    churn_days integer,
    churn_probability double precision,
    churn_reason text,
    next_order_on date,
    next_order_earliest_on date,
    next_order_latest_on date,
    best_hour integer,
    best_weekday integer
);

ALTER TABLE marts.customer_360 OWNER TO marketflow_owner;

CREATE TABLE marts.customer_days (
    ordered_on date NOT NULL,
    customer_id bigint NOT NULL,
    orders integer NOT NULL,
    revenue numeric(14,2) NOT NULL,
    product_ids bigint[] NOT NULL
);

ALTER TABLE marts.customer_days OWNER TO marketflow_owner;

CREATE VIEW marts.customer_events AS
 SELECT e.occurred_on,
    e.event_id,
    e.customer_id,
    e.event_type,
    e.occurred_at,
    p.product_id,
    (e.properties ->> 'campaign'::text) AS campaign_ref,
    (e.properties ->> 'coupon'::text) AS coupon_ref
   FROM (core.events e
     LEFT JOIN core.products p ON (((e.source = p.source) AND (COALESCE((e.properties ->> 'product'::text), (e.properties ->> 'product_id'::text)) = p.external_id))))
  WHERE (e.customer_id IS NOT NULL);

ALTER VIEW marts.customer_events OWNER TO marketflow_owner;

CREATE VIEW marts.experiment_results AS
 SELECT k.campaign,
    k.experiment,
    k.arm,
    k.look_on,
    k.looked_at,
    k.is_control,
    k.share,
    (e.definition ->> 'metric'::text) AS metric,
    ((e.definition ->> 'alpha'::text))::double precision AS alpha,
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
    (k.look_on = max(k.look_on) OVER (PARTITION BY k.campaign, k.experiment)) AS is_newest,
    (k.arm = e.winner) AS is_winner,
    e.decided_at,
    e.reason,
    k.is_simulated
   FROM (activation.experiment_looks k
     JOIN activation.experiments e ON (((k.campaign = e.campaign) AND (k.experiment = e.experiment))));

ALTER VIEW marts.experiment_results OWNER TO marketflow_owner;

CREATE VIEW marts.journey_draws AS
 SELECT s.journey,
    s.experiment,
    m.visit_id,
    v.customer_id,
    substr(m.why, (length('arm: '::text) + 1)) AS arm,
    m.moved_at AS drawn_at,
    m.version,
    m.from_step AS step
   FROM ((( SELECT k.journey,
            k.version,
            (x.value ->> 'step'::text) AS step,
            ((x.value -> 'experiment'::text) ->> 'name'::text) AS experiment
           FROM (activation.journey_versions k
             CROSS JOIN LATERAL jsonb_array_elements((k.definition -> 'steps'::text)) x(value))
          WHERE (((x.value -> 'experiment'::text) ->> 'name'::text) IS NOT NULL)) s
     JOIN activation.journey_moves m ON (((s.journey = m.journey) AND (s.version = m.version) AND (s.step = m.from_step) AND starts_with(m.why, 'arm: '::text))))
     JOIN activation.journey_visits v ON ((m.visit_id = v.visit_id)));

ALTER VIEW marts.journey_draws OWNER TO marketflow_owner;

CREATE VIEW marts.journey_steps AS
 WITH flows AS (
         SELECT m.journey,
            m.from_step,
            m.to_step,
            m.why,
            count(*) AS moves
           FROM activation.journey_moves m
          GROUP BY m.journey, m.from_step, m.to_step, m.why
        ), here AS (
         SELECT v.journey,
            v.step,
            count(*) AS people
           FROM activation.journey_visits v
          WHERE (v.state = ANY (ARRAY['due'::text, 'waiting'::text]))
          GROUP BY v.journey, v.step
        ), kinds AS (
         SELECT v.journey,
            bool_or(c.is_simulated) AS is_simulated
           FROM (activation.journey_visits v
             JOIN core.customers c ON ((v.customer_id = c.customer_id)))
          GROUP BY v.journey
        ), steps AS (
         SELECT f_1.journey,
            f_1.from_step AS step
           FROM flows f_1
          WHERE (f_1.from_step IS NOT NULL)
        UNION
         SELECT f_1.journey,
            f_1.to_step AS step
           FROM flows f_1
          WHERE (f_1.to_step IS NOT NULL)
        UNION
         SELECT v.journey,
            (s_1.value ->> 'step'::text) AS step
           FROM (activation.journey_versions v
             CROSS JOIN LATERAL jsonb_array_elements((v.definition -> 'steps'::text)) s_1(value))
          WHERE v.is_current
        )
 SELECT s.journey,
    s.step,
    (COALESCE(sum(f.moves) FILTER (WHERE (f.to_step = s.step)), (0)::numeric))::bigint AS entered,
    COALESCE(max(h.people), (0)::bigint) AS here_now,
    (COALESCE(sum(f.moves) FILTER (WHERE ((f.from_step = s.step) AND (NOT ((f.to_step IS NULL) AND (f.why = ANY (ARRAY['goal'::text, 'step_removed'::text, 'ended'::text])))))), (0)::numeric))::bigint AS passed,
    (COALESCE(sum(f.moves) FILTER (WHERE ((f.from_step = s.step) AND (f.why = 'goal'::text))), (0)::numeric))::bigint AS reached_goal,
    (COALESCE(sum(f.moves) FILTER (WHERE ((f.from_step = s.step) AND (f.to_step IS NULL) AND (f.why = ANY (ARRAY['step_removed'::text, 'ended'::text])))), (0)::numeric))::bigint AS dropped,
    (COALESCE(sum(f.moves) FILTER (WHERE ((f.from_step = s.step) AND (f.why = 'sent'::text))), (0)::numeric))::bigint AS written_to,
    (COALESCE(sum(f.moves) FILTER (WHERE ((f.from_step = s.step) AND (f.why ~~ 'refused: %'::text))), (0)::numeric))::bigint AS refused,
    COALESCE(bool_or(k.is_simulated), false) AS is_simulated
   FROM (((steps s
     LEFT JOIN flows f ON (((s.journey = f.journey) AND ((s.step = f.from_step) OR (s.step = f.to_step)))))
     LEFT JOIN here h ON (((s.journey = h.journey) AND (s.step = h.step))))
     LEFT JOIN kinds k ON ((s.journey = k.journey)))
  GROUP BY s.journey, s.step;

ALTER VIEW marts.journey_steps OWNER TO marketflow_owner;

CREATE VIEW marts.message_activity AS
SELECT
    NULL::bigint AS send_id,
    NULL::text AS campaign,
    NULL::text AS occasion,
    NULL::text AS channel,
    NULL::integer AS step,
    NULL::text AS variant,
    NULL::bigint AS customer_id,
    NULL::timestamp with time zone AS sent_at,
    NULL::bigint AS opens,
    NULL::bigint AS proxy_opens,
    NULL::bigint AS scanner_opens,
    NULL::timestamp with time zone AS first_opened_at,
    NULL::timestamp with time zone AS first_proxy_open_at,
    NULL::bigint AS clicks,
    NULL::bigint AS links_clicked,
    NULL::bigint AS scanner_clicks,
    NULL::timestamp with time zone AS first_clicked_at,
    NULL::bigint AS web_views,
    NULL::timestamp with time zone AS last_active_at,
    NULL::boolean AS is_simulated,
    NULL::boolean AS is_test;

ALTER VIEW marts.message_activity OWNER TO marketflow_owner;

CREATE TABLE marts.open_baskets (
    customer_id bigint NOT NULL,
    product_id bigint NOT NULL,
    added_at timestamp with time zone NOT NULL
);

ALTER TABLE marts.open_baskets OWNER TO marketflow_owner;

CREATE TABLE marts.product_recommendations (
    customer_id bigint NOT NULL,
    rank integer NOT NULL,
    product_id bigint NOT NULL,
    product_name text NOT NULL,
    score double precision NOT NULL,
    reason text NOT NULL,
    model_run_id bigint NOT NULL,
    list text NOT NULL,
    due_on date
);

ALTER TABLE marts.product_recommendations OWNER TO marketflow_owner;

CREATE TABLE marts.products (
    product_id bigint NOT NULL,
    product_ref text NOT NULL,
    product_name text NOT NULL,
    brand text,
    department text,
    category text,
    package_size text,
    is_recommendable boolean NOT NULL
);

ALTER TABLE marts.products OWNER TO marketflow_owner;

CREATE TABLE marts.related_products (
    product_id bigint NOT NULL,
    rank integer NOT NULL,
    related_product_id bigint NOT NULL,
    related_product_name text NOT NULL,
    support double precision,
    confidence double precision,
    lift double precision,
    model_run_id bigint NOT NULL,
    relation text NOT NULL,
    score double precision NOT NULL
);

ALTER TABLE marts.related_products OWNER TO marketflow_owner;

CREATE TABLE marts.revenue_daily (
    ordered_on date NOT NULL,
    currency text NOT NULL,
    orders integer NOT NULL,
    order_lines integer NOT NULL,
    customers integer NOT NULL,
    revenue numeric(14,2) NOT NULL,
    discount numeric(14,2) NOT NULL,
    given_back numeric(14,2) DEFAULT 0 NOT NULL,
    base_revenue numeric(14,2)
);

ALTER TABLE marts.revenue_daily OWNER TO marketflow_owner;

CREATE TABLE marts.sales_forecasts (
    series_kind text NOT NULL,
    series text NOT NULL,
    sold_on date NOT NULL,
    forecast numeric(18,2) NOT NULL,
    low numeric(18,2) NOT NULL,
    high numeric(18,2) NOT NULL,
    as_of date NOT NULL
);

ALTER TABLE marts.sales_forecasts OWNER TO marketflow_owner;

CREATE TABLE models.segment_memberships (
    customer_id bigint NOT NULL,
    segment text NOT NULL,
    entered_on date NOT NULL,
    left_on date,
    CONSTRAINT segment_memberships_check CHECK ((left_on > entered_on))
);

ALTER TABLE models.segment_memberships OWNER TO marketflow_owner;

CREATE VIEW marts.segment_memberships AS
 SELECT customer_id,
    segment,
    entered_on,
    left_on
   FROM models.segment_memberships h;

ALTER VIEW marts.segment_memberships OWNER TO marketflow_owner;

CREATE TABLE marts.segment_migrations (
    period_from date NOT NULL,
    period_to date NOT NULL,
    segment_from text NOT NULL,
    segment_to text NOT NULL,
    customers bigint NOT NULL
);

ALTER TABLE marts.segment_migrations OWNER TO marketflow_owner;

CREATE TABLE marts.top_products (
    week_ending_on date NOT NULL,
    rank integer NOT NULL,
    product_id bigint NOT NULL,
    product_name text NOT NULL,
    customers integer NOT NULL,
    revenue numeric(14,2) NOT NULL
);

ALTER TABLE marts.top_products OWNER TO marketflow_owner;

CREATE TABLE models.association_rules (
    run_id bigint NOT NULL,
    antecedents bigint[] NOT NULL,
    consequents bigint[] NOT NULL,
    support double precision NOT NULL,
    confidence double precision NOT NULL,
    lift double precision NOT NULL,
    baskets integer NOT NULL,
    level text NOT NULL,
    leverage double precision NOT NULL,
    CONSTRAINT association_rules_level_check CHECK ((level = ANY (ARRAY['product'::text, 'type'::text, 'category'::text])))
)
PARTITION BY RANGE (run_id);

ALTER TABLE models.association_rules OWNER TO marketflow_owner;

CREATE TABLE models.campaign_recommendations (
    run_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    campaign_id bigint NOT NULL,
    rank integer NOT NULL,
    customer_rank integer NOT NULL,
    score double precision NOT NULL,
    reason text NOT NULL,
    CONSTRAINT campaign_recommendations_score_check CHECK (((score >= (0)::double precision) AND (score <= (1)::double precision)))
)
PARTITION BY RANGE (run_id);

ALTER TABLE models.campaign_recommendations OWNER TO marketflow_owner;

CREATE TABLE models.churn_risks (
    run_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    churn_days integer NOT NULL,
    churn_probability double precision NOT NULL,
    reasons text[] NOT NULL
)
PARTITION BY RANGE (run_id);

ALTER TABLE models.churn_risks OWNER TO marketflow_owner;

CREATE TABLE models.cluster_choices (
    run_id bigint NOT NULL,
    k integer NOT NULL,
    silhouette double precision,
    calinski_harabasz double precision,
    stability double precision,
    sample_size integer NOT NULL,
    is_chosen boolean NOT NULL
);

ALTER TABLE models.cluster_choices OWNER TO marketflow_owner;

CREATE TABLE models.cluster_features (
    run_id bigint NOT NULL,
    cluster_id integer NOT NULL,
    feature text NOT NULL,
    mean double precision NOT NULL,
    overall_mean double precision NOT NULL,
    difference double precision NOT NULL
);

ALTER TABLE models.cluster_features OWNER TO marketflow_owner;

CREATE TABLE models.cluster_points (
    run_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    cluster_id integer NOT NULL,
    x double precision NOT NULL,
    y double precision NOT NULL
);

ALTER TABLE models.cluster_points OWNER TO marketflow_owner;

CREATE TABLE models.cluster_profiles (
    run_id bigint NOT NULL,
    cluster_id integer NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    customers bigint NOT NULL,
    share double precision NOT NULL,
    revenue_share double precision NOT NULL,
    is_new boolean NOT NULL
);

ALTER TABLE models.cluster_profiles OWNER TO marketflow_owner;

CREATE TABLE models.clusters (
    run_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    cluster_id integer NOT NULL,
    distance double precision NOT NULL
)
PARTITION BY RANGE (run_id);

ALTER TABLE models.clusters OWNER TO marketflow_owner;

CREATE TABLE models.customer_values (
    run_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    alive_probability double precision NOT NULL,
    expected_orders double precision NOT NULL,
    expected_order_value numeric(14,2) NOT NULL,
    customer_value numeric(18,2) NOT NULL
)
PARTITION BY RANGE (run_id);

ALTER TABLE models.customer_values OWNER TO marketflow_owner;

CREATE TABLE models.forecast_scores (
    run_id bigint NOT NULL,
    series_kind text NOT NULL,
    series text NOT NULL,
    method text NOT NULL,
    origins text NOT NULL,
    origin_count integer NOT NULL,
    mase double precision,
    coverage double precision,
    is_chosen boolean NOT NULL,
    CONSTRAINT forecast_scores_origins_check CHECK ((origins = ANY (ARRAY['selection'::text, 'scoring'::text])))
);

ALTER TABLE models.forecast_scores OWNER TO marketflow_owner;

CREATE TABLE models.next_orders (
    run_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    expected_on date,
    earliest_on date NOT NULL,
    latest_on date
)
PARTITION BY RANGE (run_id);

ALTER TABLE models.next_orders OWNER TO marketflow_owner;

CREATE TABLE models.pictures (
    name text NOT NULL,
    title text NOT NULL,
    description text NOT NULL,
    as_of date NOT NULL,
    run_ids bigint[] NOT NULL,
    svg text NOT NULL,
    png bytea NOT NULL,
    made_at timestamp with time zone NOT NULL
);

ALTER TABLE models.pictures OWNER TO marketflow_owner;

CREATE TABLE models.product_recommendations (
    run_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    rank integer NOT NULL,
    product_id bigint NOT NULL,
    score double precision NOT NULL,
    because_product_id bigint,
    list text NOT NULL,
    due_on date,
    scored_in bigint NOT NULL,
    CONSTRAINT product_recommendations_list_check CHECK ((list = ANY (ARRAY['buy_again'::text, 'discover'::text])))
)
PARTITION BY RANGE (run_id);

ALTER TABLE models.product_recommendations OWNER TO marketflow_owner;

CREATE TABLE models.published (
    model text NOT NULL,
    run_id bigint NOT NULL,
    published_at timestamp with time zone NOT NULL
);

ALTER TABLE models.published OWNER TO marketflow_owner;

CREATE TABLE models.related_products (
    run_id bigint NOT NULL,
    product_id bigint NOT NULL,
    relation text NOT NULL,
    rank integer NOT NULL,
    related_product_id bigint NOT NULL,
    score double precision NOT NULL,
    CONSTRAINT related_products_relation_check CHECK ((relation = ANY (ARRAY['bought_together'::text, 'similar'::text])))
)
PARTITION BY RANGE (run_id);

ALTER TABLE models.related_products OWNER TO marketflow_owner;

CREATE TABLE models.rfm (
    run_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    recency_score integer NOT NULL,
    frequency_score integer NOT NULL,
    monetary_score integer NOT NULL,
    segment text NOT NULL,
    recency_days integer NOT NULL,
    frequency integer NOT NULL,
    monetary numeric(14,2) NOT NULL,
    first_order_on date NOT NULL,
    last_order_on date NOT NULL
)
PARTITION BY RANGE (run_id);

ALTER TABLE models.rfm OWNER TO marketflow_owner;

CREATE TABLE models.rfm_segment_rules (
    recency_score integer NOT NULL,
    frequency_score integer NOT NULL,
    monetary_score integer NOT NULL,
    segment text NOT NULL,
    CONSTRAINT rfm_segment_rules_frequency_score_check CHECK (((frequency_score >= 1) AND (frequency_score <= 5))),
    CONSTRAINT rfm_segment_rules_monetary_score_check CHECK (((monetary_score >= 1) AND (monetary_score <= 5))),
    CONSTRAINT rfm_segment_rules_recency_score_check CHECK (((recency_score >= 1) AND (recency_score <= 5)))
);

ALTER TABLE models.rfm_segment_rules OWNER TO marketflow_owner;

CREATE TABLE models.rule_items (
    run_id bigint NOT NULL,
    level text NOT NULL,
    item_id bigint NOT NULL,
    name text NOT NULL,
    CONSTRAINT rule_items_level_check CHECK ((level = ANY (ARRAY['type'::text, 'category'::text])))
);

ALTER TABLE models.rule_items OWNER TO marketflow_owner;

CREATE TABLE models.runs (
    run_id bigint NOT NULL,
    model text NOT NULL,
    as_of date NOT NULL,
    data_from date,
    data_to date,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    state text DEFAULT 'running'::text NOT NULL,
    parameters jsonb DEFAULT '{}'::jsonb NOT NULL,
    metrics jsonb DEFAULT '{}'::jsonb NOT NULL,
    baseline jsonb DEFAULT '{}'::jsonb NOT NULL,
    row_count bigint,
    is_test boolean DEFAULT false NOT NULL,
    seconds double precision,
    verdict text,
    reason text,
    CONSTRAINT runs_state_check CHECK ((state = ANY (ARRAY['running'::text, 'done'::text, 'failed'::text, 'refused'::text]))),
    CONSTRAINT runs_verdict_check CHECK ((verdict = ANY (ARRAY['better'::text, 'not_better'::text, 'not_measured'::text])))
);

ALTER TABLE models.runs OWNER TO marketflow_owner;

ALTER TABLE models.runs ALTER COLUMN run_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME models.runs_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE models.sales_forecasts (
    run_id bigint NOT NULL,
    series_kind text NOT NULL,
    series text NOT NULL,
    sold_on date NOT NULL,
    forecast numeric(18,2) NOT NULL,
    low numeric(18,2) NOT NULL,
    high numeric(18,2) NOT NULL
)
PARTITION BY RANGE (run_id);

ALTER TABLE models.sales_forecasts OWNER TO marketflow_owner;

CREATE TABLE models.send_time_patterns (
    run_id bigint NOT NULL,
    segment text NOT NULL,
    dimension text NOT NULL,
    slot integer NOT NULL,
    share double precision NOT NULL,
    observations bigint NOT NULL,
    CONSTRAINT send_time_patterns_dimension_check CHECK ((dimension = ANY (ARRAY['hour'::text, 'weekday'::text])))
);

ALTER TABLE models.send_time_patterns OWNER TO marketflow_owner;

CREATE TABLE models.send_times (
    run_id bigint NOT NULL,
    customer_id bigint NOT NULL,
    best_hour integer,
    hour_basis text NOT NULL,
    best_weekday integer,
    weekday_basis text NOT NULL,
    observations integer NOT NULL,
    CONSTRAINT send_times_best_hour_check CHECK (((best_hour >= 0) AND (best_hour <= 23))),
    CONSTRAINT send_times_best_weekday_check CHECK (((best_weekday >= 1) AND (best_weekday <= 7))),
    CONSTRAINT send_times_hour_basis_check CHECK ((hour_basis = ANY (ARRAY['customer'::text, 'segment'::text, 'everybody'::text, 'none'::text]))),
    CONSTRAINT send_times_weekday_basis_check CHECK ((weekday_basis = ANY (ARRAY['customer'::text, 'segment'::text, 'everybody'::text, 'none'::text])))
)
PARTITION BY RANGE (run_id);

ALTER TABLE models.send_times OWNER TO marketflow_owner;

CREATE TABLE ops.findings (
    finding_id bigint NOT NULL,
    load_id bigint NOT NULL,
    record text NOT NULL,
    reason text NOT NULL,
    records bigint NOT NULL,
    examples text[] NOT NULL,
    found_at timestamp with time zone NOT NULL
);

ALTER TABLE ops.findings OWNER TO marketflow_owner;

ALTER TABLE ops.findings ALTER COLUMN finding_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ops.findings_finding_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE ops.landing_files (
    file_id bigint NOT NULL,
    load_id bigint NOT NULL,
    source text NOT NULL,
    path text NOT NULL,
    checksum bytea NOT NULL,
    bytes bigint NOT NULL,
    state text NOT NULL,
    reason text,
    records_read bigint DEFAULT 0 NOT NULL,
    records_loaded bigint DEFAULT 0 NOT NULL,
    records_quarantined bigint DEFAULT 0 NOT NULL,
    taken_at timestamp with time zone NOT NULL,
    header text[],
    object_version text,
    version_at timestamp with time zone,
    window_from timestamp with time zone,
    window_until timestamp with time zone,
    CONSTRAINT landing_files_check CHECK ((records_read = (records_loaded + records_quarantined))),
    CONSTRAINT landing_files_state_check CHECK ((state = ANY (ARRAY['loaded'::text, 'refused'::text, 'repeated'::text])))
);

ALTER TABLE ops.landing_files OWNER TO marketflow_owner;

ALTER TABLE ops.landing_files ALTER COLUMN file_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ops.landing_files_file_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE ops.load_records (
    load_id bigint NOT NULL,
    record text NOT NULL,
    records_loaded bigint NOT NULL
);

ALTER TABLE ops.load_records OWNER TO marketflow_owner;

CREATE TABLE ops.loads (
    load_id bigint NOT NULL,
    source text NOT NULL,
    record text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    files integer DEFAULT 0 NOT NULL,
    records_read bigint DEFAULT 0 NOT NULL,
    records_loaded bigint DEFAULT 0 NOT NULL,
    records_quarantined bigint DEFAULT 0 NOT NULL,
    state text DEFAULT 'loading'::text NOT NULL,
    reason text,
    system text NOT NULL,
    kind text DEFAULT 'files'::text NOT NULL,
    raw_forgotten_at timestamp with time zone,
    raw_deleted_at timestamp with time zone,
    CONSTRAINT loads_check CHECK (((state = ANY (ARRAY['loading'::text, 'refused'::text])) OR (records_read = (records_loaded + records_quarantined)))),
    CONSTRAINT loads_kind_check CHECK ((kind = ANY (ARRAY['files'::text, 'window'::text, 'replay'::text]))),
    CONSTRAINT loads_state_check CHECK ((state = ANY (ARRAY['loading'::text, 'loaded'::text, 'passed'::text, 'refused'::text, 'merged'::text])))
);

ALTER TABLE ops.loads OWNER TO marketflow_owner;

ALTER TABLE ops.loads ALTER COLUMN load_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ops.loads_load_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE ops.pending_changes (
    change_id bigint NOT NULL,
    entity text NOT NULL,
    key text NOT NULL,
    changed_at timestamp with time zone NOT NULL
);

ALTER TABLE ops.pending_changes OWNER TO marketflow_owner;

ALTER TABLE ops.pending_changes ALTER COLUMN change_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ops.pending_changes_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE ops.quality_results (
    quality_result_id bigint NOT NULL,
    load_id bigint,
    suite text NOT NULL,
    expectation text NOT NULL,
    column_name text,
    severity text NOT NULL,
    success boolean NOT NULL,
    observed jsonb NOT NULL,
    checked_at timestamp with time zone NOT NULL,
    record text,
    table_name text,
    CONSTRAINT quality_results_severity_check CHECK ((severity = ANY (ARRAY['stop'::text, 'warn'::text])))
);

ALTER TABLE ops.quality_results OWNER TO marketflow_owner;

ALTER TABLE ops.quality_results ALTER COLUMN quality_result_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ops.quality_results_quality_result_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE ops.quarantine (
    quarantine_id bigint NOT NULL,
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no bigint NOT NULL,
    record text NOT NULL,
    reason text NOT NULL,
    column_name text,
    payload bytea NOT NULL,
    payload_bytes bigint NOT NULL,
    quarantined_at timestamp with time zone NOT NULL,
    payload_kind text DEFAULT 'bytes'::text NOT NULL,
    replayed_load_id bigint,
    replayed_at timestamp with time zone,
    CONSTRAINT quarantine_payload_kind_check CHECK ((payload_kind = ANY (ARRAY['fields'::text, 'bytes'::text])))
);

ALTER TABLE ops.quarantine OWNER TO marketflow_owner;

ALTER TABLE ops.quarantine ALTER COLUMN quarantine_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ops.quarantine_quarantine_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE ops.table_freshness (
    table_name text NOT NULL,
    data_as_of date,
    refreshed_at timestamp with time zone NOT NULL,
    row_count bigint NOT NULL
);

ALTER TABLE ops.table_freshness OWNER TO marketflow_owner;

CREATE TABLE ops.watermarks (
    consumer text NOT NULL,
    "position" bigint NOT NULL,
    moved_at timestamp with time zone NOT NULL
);

ALTER TABLE ops.watermarks OWNER TO marketflow_owner;

CREATE TABLE privacy.audit_log (
    audit_id bigint NOT NULL,
    happened_at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    object text NOT NULL,
    records bigint NOT NULL
);

ALTER TABLE privacy.audit_log OWNER TO marketflow_owner;

ALTER TABLE privacy.audit_log ALTER COLUMN audit_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME privacy.audit_log_audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE privacy.consent_events (
    consent_event_id uuid NOT NULL,
    contact_point_id bigint NOT NULL,
    channel text NOT NULL,
    purpose text NOT NULL,
    granted boolean NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    how text NOT NULL,
    consent_text text,
    send_id bigint
);

ALTER TABLE privacy.consent_events OWNER TO marketflow_owner;

CREATE TABLE privacy.consents (
    contact_point_id bigint NOT NULL,
    channel text NOT NULL,
    purpose text NOT NULL,
    granted boolean NOT NULL,
    changed_at timestamp with time zone NOT NULL
);

ALTER TABLE privacy.consents OWNER TO marketflow_owner;

CREATE TABLE privacy.customer_answers (
    source text NOT NULL,
    external_id text NOT NULL,
    channel text NOT NULL,
    purpose text NOT NULL,
    answered_at timestamp with time zone NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    granted boolean NOT NULL,
    how text,
    consent_text text
);

ALTER TABLE privacy.customer_answers OWNER TO marketflow_owner;

CREATE TABLE privacy.preference_events (
    preference_event_id uuid NOT NULL,
    contact_point_id bigint NOT NULL,
    unwanted_topics text[] NOT NULL,
    max_messages integer,
    max_days integer,
    language text,
    occurred_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    send_id bigint
);

ALTER TABLE privacy.preference_events OWNER TO marketflow_owner;

CREATE TABLE privacy.preferences (
    contact_point_id bigint NOT NULL,
    unwanted_topics text[] DEFAULT '{}'::text[] NOT NULL,
    max_messages integer,
    max_days integer,
    language text,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT preferences_check CHECK (((max_messages IS NULL) = (max_days IS NULL))),
    CONSTRAINT preferences_language_check CHECK ((language ~ '^[a-z]{2,3}$'::text)),
    CONSTRAINT preferences_max_days_check CHECK (((max_days >= 1) AND (max_days <= 366))),
    CONSTRAINT preferences_max_messages_check CHECK (((max_messages >= 1) AND (max_messages <= 1000)))
);

ALTER TABLE privacy.preferences OWNER TO marketflow_owner;

CREATE TABLE privacy.suppressions (
    channel text NOT NULL,
    address_hash bytea NOT NULL,
    reason text NOT NULL,
    since timestamp with time zone NOT NULL,
    CONSTRAINT suppressions_reason_check CHECK ((reason = ANY (ARRAY['unsubscribed'::text, 'hard_bounce'::text, 'soft_bounces'::text, 'complaint'::text, 'manual'::text, 'erased'::text])))
);

ALTER TABLE privacy.suppressions OWNER TO marketflow_owner;

CREATE TABLE public.schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone NOT NULL
);

ALTER TABLE public.schema_migrations OWNER TO marketflow_owner;

CREATE TABLE raw.campaigns (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    campaign_ref text NOT NULL,
    campaign_name text,
    theme text,
    channel text,
    place text,
    content text,
    starts_on date,
    ends_on date,
    budget numeric(14,2),
    currency text,
    version_at timestamp with time zone NOT NULL,
    is_deleted boolean DEFAULT false NOT NULL
);

ALTER TABLE raw.campaigns OWNER TO marketflow_owner;

CREATE TABLE raw.consents (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    customer_ref text,
    email bytea,
    email_hash bytea,
    email_refusal text,
    phone bytea,
    phone_hash bytea,
    phone_refusal text,
    channel text DEFAULT 'email'::text NOT NULL,
    purpose text DEFAULT 'marketing'::text NOT NULL,
    granted boolean NOT NULL,
    answered_at timestamp with time zone NOT NULL,
    how text,
    consent_text text,
    version_at timestamp with time zone NOT NULL
);

ALTER TABLE raw.consents OWNER TO marketflow_owner;

CREATE TABLE raw.contacts (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    customer_ref text NOT NULL,
    email bytea,
    email_hash bytea,
    email_refusal text,
    phone bytea,
    phone_hash bytea,
    phone_refusal text,
    label text,
    version_at timestamp with time zone NOT NULL,
    is_deleted boolean DEFAULT false NOT NULL
);

ALTER TABLE raw.contacts OWNER TO marketflow_owner;

CREATE TABLE raw.coupons (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    coupon_ref text NOT NULL,
    campaign_ref text,
    product_ref text,
    description text,
    discount_amount numeric(14,2),
    discount_percent numeric(6,3),
    currency text,
    valid_from date,
    valid_until date,
    version_at timestamp with time zone NOT NULL,
    is_deleted boolean DEFAULT false NOT NULL
);

ALTER TABLE raw.coupons OWNER TO marketflow_owner;

CREATE TABLE raw.customers (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    customer_ref text NOT NULL,
    given_name bytea,
    family_name bytea,
    email bytea,
    email_hash bytea,
    email_refusal text,
    locale text,
    time_zone text,
    country text,
    email_consent boolean,
    consent_at timestamp with time zone,
    consent_text text,
    age_band text,
    income_band text,
    home_ownership text,
    marital_status text,
    household_size text,
    household_composition text,
    kids_count text,
    is_simulated boolean DEFAULT false NOT NULL,
    phone bytea,
    phone_hash bytea,
    phone_refusal text,
    loyalty_hash bytea,
    gender text,
    birth_date bytea,
    given_name_hash bytea,
    family_name_hash bytea,
    birth_date_hash bytea,
    version_at timestamp with time zone DEFAULT '2000-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    is_deleted boolean DEFAULT false NOT NULL,
    is_partial boolean DEFAULT false NOT NULL,
    CONSTRAINT customers_check CHECK (((email IS NULL) = (email_hash IS NULL)))
);

ALTER TABLE raw.customers OWNER TO marketflow_owner;

CREATE TABLE raw.events (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    event_ref text NOT NULL,
    event_type text NOT NULL,
    customer_ref text,
    campaign_ref text,
    coupon_ref text,
    occurred_at timestamp with time zone NOT NULL,
    anonymous_ref text,
    product_ref text,
    properties jsonb,
    version_at timestamp with time zone DEFAULT '2000-01-01 00:00:00+00'::timestamp with time zone NOT NULL
);

ALTER TABLE raw.events OWNER TO marketflow_owner;

CREATE TABLE raw.exchange_rates (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    currency text NOT NULL,
    base_currency text NOT NULL,
    rate_on date NOT NULL,
    rate numeric(20,10) NOT NULL,
    version_at timestamp with time zone NOT NULL
);

ALTER TABLE raw.exchange_rates OWNER TO marketflow_owner;

CREATE TABLE raw.feedback (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    feedback_ref text NOT NULL,
    customer_ref text,
    order_ref text,
    product_ref text,
    campaign_ref text,
    rating numeric(6,2),
    rating_max numeric(6,2) DEFAULT 5 NOT NULL,
    body bytea,
    channel text,
    given_at timestamp with time zone NOT NULL,
    version_at timestamp with time zone NOT NULL,
    is_deleted boolean DEFAULT false NOT NULL
);

ALTER TABLE raw.feedback OWNER TO marketflow_owner;

CREATE TABLE raw.interactions (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    interaction_ref text NOT NULL,
    customer_ref text,
    kind text NOT NULL,
    direction text,
    subject bytea,
    body bytea,
    agent_ref text,
    status text,
    outcome text,
    occurred_at timestamp with time zone NOT NULL,
    version_at timestamp with time zone NOT NULL,
    is_deleted boolean DEFAULT false NOT NULL
);

ALTER TABLE raw.interactions OWNER TO marketflow_owner;

CREATE TABLE raw.orders (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    first_no integer NOT NULL,
    order_ref text NOT NULL,
    customer_ref text,
    store_ref text,
    currency text NOT NULL,
    ordered_at timestamp with time zone NOT NULL,
    kind text DEFAULT 'sale'::text NOT NULL,
    original_order_ref text,
    version_at timestamp with time zone,
    is_deleted boolean DEFAULT false NOT NULL,
    line_count integer NOT NULL,
    amount numeric(18,2) NOT NULL,
    discount numeric(18,2) NOT NULL,
    record_nos integer[] NOT NULL,
    product_refs text[] NOT NULL,
    quantities numeric[] NOT NULL,
    amounts numeric[] NOT NULL,
    retail_discounts numeric[],
    coupon_discounts numeric[],
    is_simulated boolean DEFAULT false NOT NULL
);
ALTER TABLE ONLY raw.orders ALTER COLUMN record_nos SET STATISTICS 0;
ALTER TABLE ONLY raw.orders ALTER COLUMN product_refs SET STATISTICS 0;
ALTER TABLE ONLY raw.orders ALTER COLUMN quantities SET STATISTICS 0;
ALTER TABLE ONLY raw.orders ALTER COLUMN amounts SET STATISTICS 0;
ALTER TABLE ONLY raw.orders ALTER COLUMN retail_discounts SET STATISTICS 0;
ALTER TABLE ONLY raw.orders ALTER COLUMN coupon_discounts SET STATISTICS 0;

ALTER TABLE raw.orders OWNER TO marketflow_owner;

CREATE VIEW raw.order_lines AS
 SELECT r.load_id,
    r.file_id,
    l.record_no,
    r.order_ref,
    r.customer_ref,
    r.store_ref,
    l.product_ref,
    (l.quantity)::numeric(14,3) AS quantity,
    (l.amount)::numeric(14,2) AS amount,
    (COALESCE(l.retail_discount, (0)::numeric))::numeric(14,2) AS retail_discount,
    (COALESCE(l.coupon_discount, (0)::numeric))::numeric(14,2) AS coupon_discount,
    r.currency,
    r.ordered_at,
    r.kind,
    r.original_order_ref,
    r.version_at,
    r.is_deleted,
    r.is_simulated
   FROM (raw.orders r
     CROSS JOIN LATERAL ( SELECT unnest(r.record_nos) AS record_no,
            unnest(r.product_refs) AS product_ref,
            unnest(r.quantities) AS quantity,
            unnest(r.amounts) AS amount,
            unnest(r.retail_discounts) AS retail_discount,
            unnest(r.coupon_discounts) AS coupon_discount) l);

ALTER VIEW raw.order_lines OWNER TO marketflow_owner;

CREATE TABLE raw.products (
    load_id bigint NOT NULL,
    file_id bigint NOT NULL,
    record_no integer NOT NULL,
    product_ref text NOT NULL,
    manufacturer_ref text,
    brand text,
    department text,
    category text,
    product_type text,
    package_size text,
    product_name text,
    list_price numeric(14,2),
    currency text,
    product_url text,
    image_url text,
    version_at timestamp with time zone DEFAULT '2000-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    is_deleted boolean DEFAULT false NOT NULL,
    availability text
);

ALTER TABLE raw.products OWNER TO marketflow_owner;

ALTER TABLE ONLY core.events ATTACH PARTITION core.events_rest DEFAULT;

ALTER TABLE ONLY activation.campaign_states
    ADD CONSTRAINT campaign_states_pkey PRIMARY KEY (campaign);

ALTER TABLE ONLY activation.channel_states
    ADD CONSTRAINT channel_states_pkey PRIMARY KEY (channel);

ALTER TABLE ONLY activation.contact_locks
    ADD CONSTRAINT contact_locks_pkey PRIMARY KEY (person_id);

ALTER TABLE ONLY activation.delivery_counts
    ADD CONSTRAINT delivery_counts_pkey PRIMARY KEY (channel, campaign, counted_at);

ALTER TABLE ONLY activation.delivery_events
    ADD CONSTRAINT delivery_events_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY activation.event_watermarks
    ADD CONSTRAINT event_watermarks_pkey PRIMARY KEY (campaign);

ALTER TABLE ONLY activation.experiment_looks
    ADD CONSTRAINT experiment_looks_pkey PRIMARY KEY (campaign, experiment, arm, look_on);

ALTER TABLE ONLY activation.experiments
    ADD CONSTRAINT experiments_pkey PRIMARY KEY (campaign, experiment);

ALTER TABLE ONLY activation.journey_moves
    ADD CONSTRAINT journey_moves_pkey PRIMARY KEY (visit_id, number);

ALTER TABLE ONLY activation.journey_states
    ADD CONSTRAINT journey_states_pkey PRIMARY KEY (journey);

ALTER TABLE ONLY activation.journey_steps
    ADD CONSTRAINT journey_steps_journey_number_key UNIQUE (journey, number);

ALTER TABLE ONLY activation.journey_steps
    ADD CONSTRAINT journey_steps_pkey PRIMARY KEY (journey, step);

ALTER TABLE ONLY activation.journey_ticks
    ADD CONSTRAINT journey_ticks_pkey PRIMARY KEY (tick_id);

ALTER TABLE ONLY activation.journey_versions
    ADD CONSTRAINT journey_versions_pkey PRIMARY KEY (journey, version);

ALTER TABLE ONLY activation.journey_visits
    ADD CONSTRAINT journey_visits_journey_customer_id_occasion_key UNIQUE (journey, customer_id, occasion);

ALTER TABLE ONLY activation.journey_visits
    ADD CONSTRAINT journey_visits_pkey PRIMARY KEY (visit_id);

ALTER TABLE ONLY activation.mailbox_positions
    ADD CONSTRAINT mailbox_positions_pkey PRIMARY KEY (mailbox);

ALTER TABLE ONLY activation.plan_members
    ADD CONSTRAINT plan_members_plan_id_customer_id_key UNIQUE (plan_id, customer_id);

ALTER TABLE ONLY activation.plans
    ADD CONSTRAINT plans_pkey PRIMARY KEY (plan_id);

ALTER TABLE ONLY activation.rate_budgets
    ADD CONSTRAINT rate_budgets_pkey PRIMARY KEY (scope);

ALTER TABLE ONLY activation.sends
    ADD CONSTRAINT sends_campaign_occasion_contact_point_id_channel_step_key UNIQUE (campaign, occasion, contact_point_id, channel, step);

ALTER TABLE ONLY activation.sends
    ADD CONSTRAINT sends_message_id_key UNIQUE (message_id);

ALTER TABLE ONLY activation.sends
    ADD CONSTRAINT sends_pkey PRIMARY KEY (send_id);

ALTER TABLE ONLY activation.taken_events
    ADD CONSTRAINT taken_events_pkey PRIMARY KEY (campaign, customer_id, occasion);

ALTER TABLE ONLY activation.tracking_events
    ADD CONSTRAINT tracking_events_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY activation.unknown_decisions
    ADD CONSTRAINT unknown_decisions_pkey PRIMARY KEY (decision_id);

ALTER TABLE ONLY core.baskets
    ADD CONSTRAINT baskets_pkey PRIMARY KEY (order_id);

ALTER TABLE ONLY core.campaigns
    ADD CONSTRAINT campaigns_pkey PRIMARY KEY (campaign_id);

ALTER TABLE ONLY core.campaigns
    ADD CONSTRAINT campaigns_source_external_id_key UNIQUE (source, external_id);

ALTER TABLE ONLY core.click_pages
    ADD CONSTRAINT click_pages_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY core.contact_points
    ADD CONSTRAINT contact_points_channel_address_hash_key UNIQUE (channel, address_hash);

ALTER TABLE ONLY core.contact_points
    ADD CONSTRAINT contact_points_pkey PRIMARY KEY (contact_point_id);

ALTER TABLE ONLY core.contacts
    ADD CONSTRAINT contacts_pkey PRIMARY KEY (source, external_id, channel, address_hash);

ALTER TABLE ONLY core.coupons
    ADD CONSTRAINT coupons_pkey PRIMARY KEY (coupon_id);

ALTER TABLE ONLY core.coupons
    ADD CONSTRAINT coupons_source_external_id_key UNIQUE (source, external_id);

ALTER TABLE ONLY core.current_addresses
    ADD CONSTRAINT current_addresses_pkey PRIMARY KEY (customer_id);

ALTER TABLE ONLY core.customer_identifiers
    ADD CONSTRAINT customer_identifiers_pkey PRIMARY KEY (source, external_id);

ALTER TABLE ONLY core.customer_keys
    ADD CONSTRAINT customer_keys_pkey PRIMARY KEY (key_kind, key_hash, source, external_id);

ALTER TABLE ONLY core.customer_merges
    ADD CONSTRAINT customer_merges_merged_customer_id_key UNIQUE (merged_customer_id);

ALTER TABLE ONLY core.customer_merges
    ADD CONSTRAINT customer_merges_pkey PRIMARY KEY (merge_id);

ALTER TABLE ONLY core.customer_versions
    ADD CONSTRAINT customer_versions_pkey PRIMARY KEY (source, external_id, feed, valid_from);

ALTER TABLE ONLY core.customers
    ADD CONSTRAINT customers_pkey PRIMARY KEY (customer_id);

ALTER TABLE ONLY core.deleted_orders
    ADD CONSTRAINT deleted_orders_pkey PRIMARY KEY (source, external_id);

ALTER TABLE ONLY core.event_types
    ADD CONSTRAINT event_types_pkey PRIMARY KEY (event_type);

ALTER TABLE ONLY core.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (occurred_on, event_id);

ALTER TABLE ONLY core.events_rest
    ADD CONSTRAINT events_rest_pkey PRIMARY KEY (occurred_on, event_id);

ALTER TABLE ONLY core.exchange_rates
    ADD CONSTRAINT exchange_rates_pkey PRIMARY KEY (base_currency, currency, rate_on);

ALTER TABLE ONLY core.feedback
    ADD CONSTRAINT feedback_pkey PRIMARY KEY (feedback_id);

ALTER TABLE ONLY core.feedback
    ADD CONSTRAINT feedback_source_external_id_key UNIQUE (source, external_id);

ALTER TABLE ONLY core.interactions
    ADD CONSTRAINT interactions_pkey PRIMARY KEY (interaction_id);

ALTER TABLE ONLY core.interactions
    ADD CONSTRAINT interactions_source_external_id_key UNIQUE (source, external_id);

ALTER TABLE ONLY core.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (order_id);

ALTER TABLE ONLY core.orders
    ADD CONSTRAINT orders_source_external_id_key UNIQUE (source, external_id);

ALTER TABLE ONLY core.product_versions
    ADD CONSTRAINT product_versions_pkey PRIMARY KEY (source, external_id, feed, valid_from);

ALTER TABLE ONLY core.products
    ADD CONSTRAINT products_pkey PRIMARY KEY (product_id);

ALTER TABLE ONLY core.products
    ADD CONSTRAINT products_source_external_id_key UNIQUE (source, external_id);

ALTER TABLE ONLY core.simulated_orders
    ADD CONSTRAINT simulated_orders_pkey PRIMARY KEY (order_id);

ALTER TABLE ONLY core.simulated_orders
    ADD CONSTRAINT simulated_orders_source_external_id_key UNIQUE (source, external_id);

ALTER TABLE ONLY features.daily_sales_marks
    ADD CONSTRAINT daily_sales_marks_pkey PRIMARY KEY (is_kept);

ALTER TABLE ONLY features.daily_sales
    ADD CONSTRAINT daily_sales_pkey PRIMARY KEY (series_kind, series, sold_on);

ALTER TABLE ONLY features.purchase_summaries
    ADD CONSTRAINT purchase_summaries_pkey PRIMARY KEY (customer_id);

ALTER TABLE ONLY features.purchase_windows
    ADD CONSTRAINT purchase_windows_pkey PRIMARY KEY (is_kept);

ALTER TABLE ONLY marts.association_rules
    ADD CONSTRAINT association_rules_pkey PRIMARY KEY (level, antecedent_ids, consequent_ids);

ALTER TABLE ONLY marts.attributed_orders
    ADD CONSTRAINT attributed_orders_pkey PRIMARY KEY (basis, order_id, send_id);

ALTER TABLE ONLY marts.campaign_arms
    ADD CONSTRAINT campaign_arms_pkey PRIMARY KEY (campaign, channel, breakdown, part, arm);

ALTER TABLE ONLY marts.campaign_attribution
    ADD CONSTRAINT campaign_attribution_pkey PRIMARY KEY (basis, model, campaign, channel, variant);

ALTER TABLE ONLY marts.campaign_performance
    ADD CONSTRAINT campaign_performance_pkey PRIMARY KEY (campaign, occasion, channel);

ALTER TABLE ONLY marts.campaign_recommendations
    ADD CONSTRAINT campaign_recommendations_pkey PRIMARY KEY (customer_id, campaign_id);

ALTER TABLE ONLY marts.campaign_results
    ADD CONSTRAINT campaign_results_pkey PRIMARY KEY (campaign, channel, breakdown, part);

ALTER TABLE ONLY marts.campaign_uplift
    ADD CONSTRAINT campaign_uplift_pkey PRIMARY KEY (campaign, channel, breakdown, part, measure);

ALTER TABLE ONLY marts.cluster_profiles
    ADD CONSTRAINT cluster_profiles_pkey PRIMARY KEY (cluster_id);

ALTER TABLE ONLY marts.customer_360
    ADD CONSTRAINT customer_360_pkey PRIMARY KEY (customer_id);

ALTER TABLE ONLY marts.customer_days
    ADD CONSTRAINT customer_days_pkey PRIMARY KEY (ordered_on, customer_id);

ALTER TABLE ONLY marts.open_baskets
    ADD CONSTRAINT open_baskets_pkey PRIMARY KEY (customer_id, product_id);

ALTER TABLE ONLY marts.product_recommendations
    ADD CONSTRAINT product_recommendations_pkey PRIMARY KEY (customer_id, list, rank);

ALTER TABLE ONLY marts.products
    ADD CONSTRAINT products_pkey PRIMARY KEY (product_id);

ALTER TABLE ONLY marts.related_products
    ADD CONSTRAINT related_products_pkey PRIMARY KEY (product_id, relation, rank);

ALTER TABLE ONLY marts.revenue_daily
    ADD CONSTRAINT revenue_daily_pkey PRIMARY KEY (ordered_on, currency);

ALTER TABLE ONLY marts.sales_forecasts
    ADD CONSTRAINT sales_forecasts_pkey PRIMARY KEY (series_kind, series, sold_on);

ALTER TABLE ONLY marts.segment_migrations
    ADD CONSTRAINT segment_migrations_pkey PRIMARY KEY (period_from, segment_from, segment_to);

ALTER TABLE ONLY marts.top_products
    ADD CONSTRAINT top_products_pkey PRIMARY KEY (week_ending_on, rank);

ALTER TABLE ONLY models.cluster_choices
    ADD CONSTRAINT cluster_choices_pkey PRIMARY KEY (run_id, k);

ALTER TABLE ONLY models.cluster_features
    ADD CONSTRAINT cluster_features_pkey PRIMARY KEY (run_id, cluster_id, feature);

ALTER TABLE ONLY models.cluster_points
    ADD CONSTRAINT cluster_points_pkey PRIMARY KEY (run_id, customer_id);

ALTER TABLE ONLY models.cluster_profiles
    ADD CONSTRAINT cluster_profiles_pkey PRIMARY KEY (run_id, cluster_id);

ALTER TABLE ONLY models.forecast_scores
    ADD CONSTRAINT forecast_scores_pkey PRIMARY KEY (run_id, series_kind, series, method, origins);

ALTER TABLE ONLY models.pictures
    ADD CONSTRAINT pictures_pkey PRIMARY KEY (name);

ALTER TABLE ONLY models.published
    ADD CONSTRAINT published_pkey PRIMARY KEY (model);

ALTER TABLE ONLY models.rfm_segment_rules
    ADD CONSTRAINT rfm_segment_rules_pkey PRIMARY KEY (recency_score, frequency_score, monetary_score);

ALTER TABLE ONLY models.rule_items
    ADD CONSTRAINT rule_items_pkey PRIMARY KEY (run_id, level, item_id);

ALTER TABLE ONLY models.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (run_id);

ALTER TABLE ONLY models.segment_memberships
    ADD CONSTRAINT segment_memberships_pkey PRIMARY KEY (customer_id, entered_on);

ALTER TABLE ONLY models.send_time_patterns
    ADD CONSTRAINT send_time_patterns_pkey PRIMARY KEY (run_id, segment, dimension, slot);

ALTER TABLE ONLY ops.findings
    ADD CONSTRAINT findings_load_id_record_reason_key UNIQUE (load_id, record, reason);

ALTER TABLE ONLY ops.findings
    ADD CONSTRAINT findings_pkey PRIMARY KEY (finding_id);

ALTER TABLE ONLY ops.landing_files
    ADD CONSTRAINT landing_files_pkey PRIMARY KEY (file_id);

ALTER TABLE ONLY ops.landing_files
    ADD CONSTRAINT landing_files_source_checksum_key UNIQUE (source, checksum);

ALTER TABLE ONLY ops.load_records
    ADD CONSTRAINT load_records_pkey PRIMARY KEY (load_id, record);

ALTER TABLE ONLY ops.loads
    ADD CONSTRAINT loads_pkey PRIMARY KEY (load_id);

ALTER TABLE ONLY ops.pending_changes
    ADD CONSTRAINT pending_changes_pkey PRIMARY KEY (change_id);

ALTER TABLE ONLY ops.quality_results
    ADD CONSTRAINT quality_results_pkey PRIMARY KEY (quality_result_id);

ALTER TABLE ONLY ops.quarantine
    ADD CONSTRAINT quarantine_file_id_record_no_key UNIQUE (file_id, record_no);

ALTER TABLE ONLY ops.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (quarantine_id);

ALTER TABLE ONLY ops.table_freshness
    ADD CONSTRAINT table_freshness_pkey PRIMARY KEY (table_name);

ALTER TABLE ONLY ops.watermarks
    ADD CONSTRAINT watermarks_pkey PRIMARY KEY (consumer);

ALTER TABLE ONLY privacy.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (audit_id);

ALTER TABLE ONLY privacy.consent_events
    ADD CONSTRAINT consent_events_pkey PRIMARY KEY (consent_event_id);

ALTER TABLE ONLY privacy.consents
    ADD CONSTRAINT consents_pkey PRIMARY KEY (contact_point_id, channel, purpose);

ALTER TABLE ONLY privacy.customer_answers
    ADD CONSTRAINT customer_answers_pkey PRIMARY KEY (source, external_id, channel, purpose, answered_at);

ALTER TABLE ONLY privacy.preference_events
    ADD CONSTRAINT preference_events_pkey PRIMARY KEY (preference_event_id);

ALTER TABLE ONLY privacy.preferences
    ADD CONSTRAINT preferences_pkey PRIMARY KEY (contact_point_id);

ALTER TABLE ONLY privacy.suppressions
    ADD CONSTRAINT suppressions_pkey PRIMARY KEY (channel, address_hash);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

CREATE INDEX delivery_events_bad ON activation.delivery_events USING btree (channel, handed_over_at) WHERE (kind = ANY (ARRAY['bounce_hard'::text, 'complaint'::text]));

CREATE INDEX delivery_events_send ON activation.delivery_events USING btree (send_id);

CREATE INDEX journey_moves_drawn ON activation.journey_moves USING btree (journey, from_step, version, moved_at) WHERE starts_with(why, 'arm: '::text);

CREATE INDEX journey_ticks_journey ON activation.journey_ticks USING btree (journey, ticked_at);

CREATE UNIQUE INDEX journey_versions_current ON activation.journey_versions USING btree (journey) WHERE is_current;

CREATE INDEX journey_visits_due ON activation.journey_visits USING btree (journey, version, due_at) WHERE (state = ANY (ARRAY['due'::text, 'waiting'::text]));

CREATE UNIQUE INDEX journey_visits_inside ON activation.journey_visits USING btree (journey, customer_id) WHERE (state = ANY (ARRAY['due'::text, 'waiting'::text]));

CREATE INDEX plans_campaign ON activation.plans USING btree (campaign, occasion);

CREATE INDEX plans_cancelled ON activation.plans USING btree (plan_id) WHERE (state = 'cancelled'::text);

CREATE INDEX plans_experiment ON activation.plans USING btree (campaign, experiment) WHERE (experiment IS NOT NULL);

CREATE INDEX sends_contact_point ON activation.sends USING btree (contact_point_id);

CREATE INDEX sends_customer ON activation.sends USING btree (customer_id, sending_at) WHERE (customer_id IS NOT NULL);

CREATE INDEX sends_due ON activation.sends USING btree (channel, campaign, priority, send_after, send_id) WHERE (state = ANY (ARRAY['released'::text, 'deferred'::text]));

CREATE INDEX sends_expiring ON activation.sends USING btree (expires_at) WHERE (state = ANY (ARRAY['released'::text, 'deferred'::text]));

CREATE INDEX sends_leased ON activation.sends USING btree (lease_until) WHERE (state = ANY (ARRAY['claimed'::text, 'sending'::text]));

CREATE INDEX sends_plan ON activation.sends USING btree (plan_id, state);

CREATE INDEX sends_planned ON activation.sends USING btree (campaign, planned_at);

CREATE INDEX sends_unknown ON activation.sends USING btree (sending_at) WHERE (state = 'unknown'::text);

CREATE INDEX taken_events_days ON activation.taken_events USING btree (campaign, occasion_on);

CREATE INDEX taken_events_plan ON activation.taken_events USING btree (plan_id);

CREATE INDEX tracking_events_campaign ON activation.tracking_events USING btree (campaign, kind);

CREATE INDEX tracking_events_network ON activation.tracking_events USING btree (network_hash, occurred_at) WHERE ((kind = 'click'::text) AND (network_hash IS NOT NULL));

CREATE INDEX tracking_events_networks ON activation.tracking_events USING btree (occurred_at) WHERE (network_hash IS NOT NULL);

CREATE INDEX tracking_events_send ON activation.tracking_events USING btree (send_id, occurred_at);

CREATE INDEX tracking_events_time ON activation.tracking_events USING btree (occurred_at);

CREATE INDEX unknown_decisions_send ON activation.unknown_decisions USING btree (send_id);

CREATE INDEX click_pages_click ON core.click_pages USING btree (click_id);

CREATE INDEX contact_points_customer ON core.contact_points USING btree (customer_id);

CREATE INDEX contacts_address ON core.contacts USING btree (channel, address_hash);

CREATE INDEX current_addresses_contact_point ON core.current_addresses USING btree (contact_point_id);

CREATE INDEX current_addresses_sms ON core.current_addresses USING btree (sms_contact_point_id);

CREATE INDEX customer_identifiers_customer ON core.customer_identifiers USING btree (customer_id);

CREATE INDEX customer_keys_customer ON core.customer_keys USING btree (customer_id);

CREATE INDEX customer_keys_number ON core.customer_keys USING btree (source, external_id);

CREATE INDEX customer_merges_kept ON core.customer_merges USING btree (kept_customer_id);

CREATE INDEX customer_versions_deleted ON core.customer_versions USING btree (source, external_id) WHERE is_deleted;

CREATE INDEX customers_merged ON core.customers USING btree (merged_into) WHERE (merged_into IS NOT NULL);

CREATE INDEX events_anonymous ON ONLY core.events USING btree (source, anonymous_ref) WHERE ((customer_id IS NULL) AND (anonymous_ref IS NOT NULL));

CREATE INDEX events_basket ON ONLY core.events USING btree (occurred_on) WHERE (event_type = ANY (ARRAY['product_added'::text, 'add_to_cart'::text, 'added_to_cart'::text, 'cart_add'::text, 'product_removed'::text, 'remove_from_cart'::text, 'removed_from_cart'::text, 'cart_remove'::text, 'order_completed'::text, 'purchase'::text, 'cart_cleared'::text, 'clear_cart'::text]));

CREATE INDEX events_customer ON ONLY core.events USING btree (customer_id, occurred_on);

CREATE INDEX events_id ON ONLY core.events USING btree (event_id);

CREATE INDEX events_rest_customer_id_occurred_on_idx ON core.events_rest USING btree (customer_id, occurred_on);

CREATE INDEX events_rest_event_id_idx ON core.events_rest USING btree (event_id);

CREATE INDEX events_rest_occurred_on_idx ON core.events_rest USING btree (occurred_on) WHERE (event_type = ANY (ARRAY['product_added'::text, 'add_to_cart'::text, 'added_to_cart'::text, 'cart_add'::text, 'product_removed'::text, 'remove_from_cart'::text, 'removed_from_cart'::text, 'cart_remove'::text, 'order_completed'::text, 'purchase'::text, 'cart_cleared'::text, 'clear_cart'::text]));

CREATE INDEX events_signed_up ON ONLY core.events USING btree (occurred_on) WHERE (event_type = ANY (ARRAY['signed_up'::text, 'sign_up'::text, 'signup'::text, 'user_signed_up'::text, 'account_created'::text, 'registered'::text]));

CREATE INDEX events_rest_occurred_on_idx1 ON core.events_rest USING btree (occurred_on) WHERE (event_type = ANY (ARRAY['signed_up'::text, 'sign_up'::text, 'signup'::text, 'user_signed_up'::text, 'account_created'::text, 'registered'::text]));

CREATE INDEX events_rest_source_anonymous_ref_idx ON core.events_rest USING btree (source, anonymous_ref) WHERE ((customer_id IS NULL) AND (anonymous_ref IS NOT NULL));

CREATE INDEX feedback_customer ON core.feedback USING btree (customer_id, given_on);

CREATE INDEX interactions_customer ON core.interactions USING btree (customer_id, occurred_on);

CREATE INDEX orders_customer ON core.orders USING btree (customer_id, ordered_on) INCLUDE (kind, base_revenue);

CREATE INDEX orders_day ON core.orders USING btree (ordered_on);

CREATE INDEX orders_original ON core.orders USING btree (source, original_order_ref) WHERE (original_order_ref IS NOT NULL);

CREATE INDEX simulated_orders_customer ON core.simulated_orders USING btree (customer_id, ordered_at);

CREATE INDEX attributed_orders_campaign ON marts.attributed_orders USING btree (campaign, basis);

CREATE INDEX campaign_recommendations_best ON marts.campaign_recommendations USING btree (campaign_id, customer_rank);

CREATE INDEX customer_360_segment ON marts.customer_360 USING btree (segment);

CREATE INDEX runs_model ON models.runs USING btree (model, run_id);

CREATE INDEX segment_memberships_days ON models.segment_memberships USING btree (entered_on, left_on);

CREATE INDEX segment_memberships_left ON models.segment_memberships USING btree (left_on);

CREATE UNIQUE INDEX segment_memberships_open ON models.segment_memberships USING btree (customer_id) WHERE (left_on IS NULL);

CREATE INDEX loads_source_state ON ops.loads USING btree (source, state);

CREATE INDEX quality_results_load ON ops.quality_results USING btree (load_id);

CREATE INDEX quality_results_suite ON ops.quality_results USING btree (suite, expectation) WHERE (load_id IS NULL);

CREATE INDEX quality_results_table ON ops.quality_results USING btree (table_name, checked_at) WHERE (table_name IS NOT NULL);

CREATE INDEX quarantine_load ON ops.quarantine USING btree (load_id);

CREATE INDEX consent_events_contact_point ON privacy.consent_events USING btree (contact_point_id);

CREATE INDEX consent_events_links ON privacy.consent_events USING btree (recorded_at) WHERE (send_id IS NOT NULL);

CREATE INDEX preference_events_contact_point ON privacy.preference_events USING btree (contact_point_id);

CREATE INDEX campaigns_load ON raw.campaigns USING brin (load_id);

CREATE INDEX consents_load ON raw.consents USING brin (load_id);

CREATE INDEX contacts_load ON raw.contacts USING brin (load_id);

CREATE INDEX coupons_load ON raw.coupons USING brin (load_id);

CREATE INDEX customers_load ON raw.customers USING brin (load_id);

CREATE INDEX events_load ON raw.events USING brin (load_id);

CREATE INDEX exchange_rates_load ON raw.exchange_rates USING brin (load_id);

CREATE INDEX feedback_load ON raw.feedback USING brin (load_id);

CREATE INDEX interactions_load ON raw.interactions USING brin (load_id);

CREATE INDEX orders_load ON raw.orders USING brin (load_id);

CREATE INDEX products_load ON raw.products USING brin (load_id);

ALTER INDEX core.events_customer ATTACH PARTITION core.events_rest_customer_id_occurred_on_idx;

ALTER INDEX core.events_id ATTACH PARTITION core.events_rest_event_id_idx;

ALTER INDEX core.events_basket ATTACH PARTITION core.events_rest_occurred_on_idx;

ALTER INDEX core.events_signed_up ATTACH PARTITION core.events_rest_occurred_on_idx1;

ALTER INDEX core.events_pkey ATTACH PARTITION core.events_rest_pkey;

ALTER INDEX core.events_anonymous ATTACH PARTITION core.events_rest_source_anonymous_ref_idx;

CREATE OR REPLACE VIEW marts.message_activity AS
 SELECT s.send_id,
    s.campaign,
    s.occasion,
    s.channel,
    s.step,
    s.variant,
    COALESCE(c.merged_into, s.customer_id) AS customer_id,
        CASE
            WHEN (s.state = 'sent'::text) THEN s.settled_at
            ELSE NULL::timestamp with time zone
        END AS sent_at,
    count(*) FILTER (WHERE ((t.kind = 'open'::text) AND (t.verdict = 'person'::text))) AS opens,
    count(*) FILTER (WHERE ((t.kind = 'open'::text) AND (t.verdict = 'proxy'::text))) AS proxy_opens,
    count(*) FILTER (WHERE ((t.kind = 'open'::text) AND (t.verdict = 'scanner'::text))) AS scanner_opens,
    min(t.occurred_at) FILTER (WHERE ((t.kind = 'open'::text) AND (t.verdict = 'person'::text))) AS first_opened_at,
    min(t.occurred_at) FILTER (WHERE ((t.kind = 'open'::text) AND (t.verdict = 'proxy'::text))) AS first_proxy_open_at,
    count(*) FILTER (WHERE ((t.kind = 'click'::text) AND (t.verdict = 'person'::text))) AS clicks,
    count(DISTINCT t.url) FILTER (WHERE ((t.kind = 'click'::text) AND (t.verdict = 'person'::text))) AS links_clicked,
    count(*) FILTER (WHERE ((t.kind = 'click'::text) AND (t.verdict <> 'person'::text))) AS scanner_clicks,
    min(t.occurred_at) FILTER (WHERE ((t.kind = 'click'::text) AND (t.verdict = 'person'::text))) AS first_clicked_at,
    count(*) FILTER (WHERE ((t.kind = 'web_version'::text) AND (t.verdict = 'person'::text))) AS web_views,
    max(t.occurred_at) FILTER (WHERE (t.verdict = 'person'::text)) AS last_active_at,
    bool_or(t.is_simulated) AS is_simulated,
    s.is_test
   FROM ((activation.tracking_events t
     JOIN activation.sends s ON ((t.send_id = s.send_id)))
     LEFT JOIN core.customers c ON ((s.customer_id = c.customer_id)))
  GROUP BY s.send_id, c.merged_into;

ALTER TABLE ONLY activation.delivery_events
    ADD CONSTRAINT delivery_events_send_id_fkey FOREIGN KEY (send_id) REFERENCES activation.sends(send_id);

ALTER TABLE ONLY activation.event_watermarks
    ADD CONSTRAINT event_watermarks_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES activation.plans(plan_id);

ALTER TABLE ONLY activation.experiment_looks
    ADD CONSTRAINT experiment_looks_campaign_experiment_fkey FOREIGN KEY (campaign, experiment) REFERENCES activation.experiments(campaign, experiment);

ALTER TABLE ONLY activation.plan_members
    ADD CONSTRAINT plan_members_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES activation.plans(plan_id) ON DELETE CASCADE;

ALTER TABLE ONLY activation.sends
    ADD CONSTRAINT sends_contact_point_id_fkey FOREIGN KEY (contact_point_id) REFERENCES core.contact_points(contact_point_id);

ALTER TABLE ONLY activation.sends
    ADD CONSTRAINT sends_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES activation.plans(plan_id);

ALTER TABLE ONLY activation.taken_events
    ADD CONSTRAINT taken_events_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES activation.plans(plan_id);

ALTER TABLE ONLY activation.tracking_events
    ADD CONSTRAINT tracking_events_send_id_fkey FOREIGN KEY (send_id) REFERENCES activation.sends(send_id);

ALTER TABLE ONLY activation.unknown_decisions
    ADD CONSTRAINT unknown_decisions_send_id_fkey FOREIGN KEY (send_id) REFERENCES activation.sends(send_id);

ALTER TABLE ONLY core.contact_points
    ADD CONSTRAINT contact_points_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES core.customers(customer_id);

ALTER TABLE ONLY core.current_addresses
    ADD CONSTRAINT current_addresses_contact_point_id_fkey FOREIGN KEY (contact_point_id) REFERENCES core.contact_points(contact_point_id);

ALTER TABLE ONLY core.current_addresses
    ADD CONSTRAINT current_addresses_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES core.customers(customer_id);

ALTER TABLE ONLY core.current_addresses
    ADD CONSTRAINT current_addresses_sms_contact_point_id_fkey FOREIGN KEY (sms_contact_point_id) REFERENCES core.contact_points(contact_point_id);

ALTER TABLE ONLY core.customer_identifiers
    ADD CONSTRAINT customer_identifiers_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES core.customers(customer_id);

ALTER TABLE ONLY core.customer_keys
    ADD CONSTRAINT customer_keys_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES core.customers(customer_id);

ALTER TABLE ONLY core.customer_merges
    ADD CONSTRAINT customer_merges_kept_customer_id_fkey FOREIGN KEY (kept_customer_id) REFERENCES core.customers(customer_id);

ALTER TABLE ONLY core.customer_merges
    ADD CONSTRAINT customer_merges_merged_customer_id_fkey FOREIGN KEY (merged_customer_id) REFERENCES core.customers(customer_id);

ALTER TABLE ONLY core.customers
    ADD CONSTRAINT customers_merged_into_fkey FOREIGN KEY (merged_into) REFERENCES core.customers(customer_id);

ALTER TABLE ONLY core.feedback
    ADD CONSTRAINT feedback_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES core.customers(customer_id);

ALTER TABLE ONLY core.interactions
    ADD CONSTRAINT interactions_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES core.customers(customer_id);

ALTER TABLE ONLY core.orders
    ADD CONSTRAINT orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES core.customers(customer_id);

ALTER TABLE ONLY core.simulated_orders
    ADD CONSTRAINT simulated_orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES core.customers(customer_id);

ALTER TABLE ONLY models.cluster_choices
    ADD CONSTRAINT cluster_choices_run_id_fkey FOREIGN KEY (run_id) REFERENCES models.runs(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY models.cluster_features
    ADD CONSTRAINT cluster_features_run_id_fkey FOREIGN KEY (run_id) REFERENCES models.runs(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY models.cluster_points
    ADD CONSTRAINT cluster_points_run_id_fkey FOREIGN KEY (run_id) REFERENCES models.runs(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY models.cluster_profiles
    ADD CONSTRAINT cluster_profiles_run_id_fkey FOREIGN KEY (run_id) REFERENCES models.runs(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY models.forecast_scores
    ADD CONSTRAINT forecast_scores_run_id_fkey FOREIGN KEY (run_id) REFERENCES models.runs(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY models.published
    ADD CONSTRAINT published_run_id_fkey FOREIGN KEY (run_id) REFERENCES models.runs(run_id);

ALTER TABLE ONLY models.rule_items
    ADD CONSTRAINT rule_items_run_id_fkey FOREIGN KEY (run_id) REFERENCES models.runs(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY models.send_time_patterns
    ADD CONSTRAINT send_time_patterns_run_id_fkey FOREIGN KEY (run_id) REFERENCES models.runs(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY ops.findings
    ADD CONSTRAINT findings_load_id_fkey FOREIGN KEY (load_id) REFERENCES ops.loads(load_id);

ALTER TABLE ONLY ops.landing_files
    ADD CONSTRAINT landing_files_load_id_fkey FOREIGN KEY (load_id) REFERENCES ops.loads(load_id);

ALTER TABLE ONLY ops.load_records
    ADD CONSTRAINT load_records_load_id_fkey FOREIGN KEY (load_id) REFERENCES ops.loads(load_id);

ALTER TABLE ONLY ops.quality_results
    ADD CONSTRAINT quality_results_load_id_fkey FOREIGN KEY (load_id) REFERENCES ops.loads(load_id);

ALTER TABLE ONLY ops.quarantine
    ADD CONSTRAINT quarantine_file_id_fkey FOREIGN KEY (file_id) REFERENCES ops.landing_files(file_id);

ALTER TABLE ONLY ops.quarantine
    ADD CONSTRAINT quarantine_load_id_fkey FOREIGN KEY (load_id) REFERENCES ops.loads(load_id);

ALTER TABLE ONLY ops.quarantine
    ADD CONSTRAINT quarantine_replayed_load_id_fkey FOREIGN KEY (replayed_load_id) REFERENCES ops.loads(load_id);

ALTER TABLE ONLY privacy.consent_events
    ADD CONSTRAINT consent_events_contact_point_id_fkey FOREIGN KEY (contact_point_id) REFERENCES core.contact_points(contact_point_id);

ALTER TABLE ONLY privacy.consents
    ADD CONSTRAINT consents_contact_point_id_fkey FOREIGN KEY (contact_point_id) REFERENCES core.contact_points(contact_point_id);

ALTER TABLE ONLY privacy.preference_events
    ADD CONSTRAINT preference_events_contact_point_id_fkey FOREIGN KEY (contact_point_id) REFERENCES core.contact_points(contact_point_id);

ALTER TABLE ONLY privacy.preferences
    ADD CONSTRAINT preferences_contact_point_id_fkey FOREIGN KEY (contact_point_id) REFERENCES core.contact_points(contact_point_id);

GRANT USAGE ON SCHEMA activation TO marketflow_sender;
GRANT USAGE ON SCHEMA activation TO marketflow_edge;

GRANT USAGE ON SCHEMA core TO marketflow_sender;
GRANT USAGE ON SCHEMA core TO marketflow_edge;

GRANT USAGE ON SCHEMA marts TO marketflow_sender;
GRANT USAGE ON SCHEMA marts TO marketflow_audience;
GRANT USAGE ON SCHEMA marts TO marketflow_analyst;
GRANT USAGE ON SCHEMA marts TO marketflow_edge;

GRANT USAGE ON SCHEMA models TO marketflow_analyst;

GRANT USAGE ON SCHEMA ops TO marketflow_loader;
GRANT USAGE ON SCHEMA ops TO marketflow_sender;
GRANT USAGE ON SCHEMA ops TO marketflow_analyst;
GRANT USAGE ON SCHEMA ops TO marketflow_edge;

GRANT USAGE ON SCHEMA privacy TO marketflow_sender;
GRANT USAGE ON SCHEMA privacy TO marketflow_edge;
GRANT USAGE ON SCHEMA privacy TO marketflow_loader;

GRANT USAGE ON SCHEMA raw TO marketflow_loader;

REVOKE ALL ON FUNCTION privacy.has_address(point_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION privacy.has_address(point_id bigint) TO marketflow_edge;

REVOKE ALL ON FUNCTION privacy.is_suppressed(point_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION privacy.is_suppressed(point_id bigint) TO marketflow_edge;

REVOKE ALL ON FUNCTION privacy.lift_unsubscription(point_id bigint, asked_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION privacy.lift_unsubscription(point_id bigint, asked_at timestamp with time zone) TO marketflow_edge;

REVOKE ALL ON FUNCTION privacy.suppress_unsubscribed(point_id bigint, asked_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION privacy.suppress_unsubscribed(point_id bigint, asked_at timestamp with time zone) TO marketflow_edge;

GRANT SELECT,INSERT,UPDATE ON TABLE activation.campaign_states TO marketflow_sender;

GRANT SELECT,INSERT,UPDATE ON TABLE activation.channel_states TO marketflow_sender;

GRANT SELECT,INSERT,UPDATE ON TABLE activation.contact_locks TO marketflow_sender;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE activation.delivery_counts TO marketflow_sender;

GRANT SELECT,INSERT ON TABLE activation.delivery_events TO marketflow_sender;

GRANT SELECT,INSERT,UPDATE ON TABLE activation.mailbox_positions TO marketflow_sender;

GRANT SELECT ON TABLE activation.plans TO marketflow_sender;

GRANT SELECT(plan_id) ON TABLE activation.plans TO marketflow_edge;

GRANT SELECT(definition) ON TABLE activation.plans TO marketflow_edge;

GRANT SELECT(business_date) ON TABLE activation.plans TO marketflow_edge;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE activation.rate_budgets TO marketflow_sender;

GRANT SELECT ON TABLE activation.sends TO marketflow_sender;

GRANT SELECT(send_id) ON TABLE activation.sends TO marketflow_edge;

GRANT SELECT(contact_point_id) ON TABLE activation.sends TO marketflow_edge;

GRANT SELECT(channel) ON TABLE activation.sends TO marketflow_edge;

GRANT SELECT(plan_id) ON TABLE activation.sends TO marketflow_edge;

GRANT SELECT(customer_id) ON TABLE activation.sends TO marketflow_edge;

GRANT SELECT(purpose) ON TABLE activation.sends TO marketflow_edge;

GRANT UPDATE(state) ON TABLE activation.sends TO marketflow_sender;

GRANT UPDATE(reason) ON TABLE activation.sends TO marketflow_sender;

GRANT UPDATE(send_after) ON TABLE activation.sends TO marketflow_sender;

GRANT UPDATE(attempts) ON TABLE activation.sends TO marketflow_sender;

GRANT SELECT(content) ON TABLE activation.sends TO marketflow_edge;

GRANT UPDATE(claim_token) ON TABLE activation.sends TO marketflow_sender;

GRANT UPDATE(lease_until) ON TABLE activation.sends TO marketflow_sender;

GRANT UPDATE(claimed_at) ON TABLE activation.sends TO marketflow_sender;

GRANT UPDATE(sending_at) ON TABLE activation.sends TO marketflow_sender;

GRANT UPDATE(settled_at) ON TABLE activation.sends TO marketflow_sender;

GRANT SELECT(is_test) ON TABLE activation.sends TO marketflow_edge;

GRANT SELECT(variant) ON TABLE activation.sends TO marketflow_edge;

GRANT SELECT,INSERT ON TABLE activation.tracking_events TO marketflow_sender;

GRANT UPDATE(verdict) ON TABLE activation.tracking_events TO marketflow_sender;

GRANT UPDATE(verdict_reason) ON TABLE activation.tracking_events TO marketflow_sender;

GRANT UPDATE(network_hash) ON TABLE activation.tracking_events TO marketflow_sender;

GRANT SELECT,INSERT ON TABLE activation.unknown_decisions TO marketflow_sender;

GRANT SELECT ON TABLE core.contact_points TO marketflow_sender;

GRANT SELECT(contact_point_id) ON TABLE core.contact_points TO marketflow_edge;

GRANT SELECT(channel) ON TABLE core.contact_points TO marketflow_edge;

GRANT SELECT(address_hash) ON TABLE core.contact_points TO marketflow_edge;

GRANT SELECT(customer_id) ON TABLE core.customers TO marketflow_sender;
GRANT SELECT(customer_id) ON TABLE core.customers TO marketflow_edge;

GRANT SELECT(given_name) ON TABLE core.customers TO marketflow_sender;

GRANT SELECT(locale) ON TABLE core.customers TO marketflow_sender;
GRANT SELECT(locale) ON TABLE core.customers TO marketflow_edge;

GRANT SELECT(time_zone) ON TABLE core.customers TO marketflow_sender;

GRANT SELECT(is_deleted) ON TABLE core.customers TO marketflow_sender;

GRANT SELECT(merged_into) ON TABLE core.customers TO marketflow_sender;

GRANT SELECT ON TABLE marts.association_rules TO marketflow_sender;
GRANT SELECT ON TABLE marts.association_rules TO marketflow_audience;
GRANT SELECT ON TABLE marts.association_rules TO marketflow_analyst;

GRANT SELECT ON TABLE marts.attributed_orders TO marketflow_sender;
GRANT SELECT ON TABLE marts.attributed_orders TO marketflow_audience;
GRANT SELECT ON TABLE marts.attributed_orders TO marketflow_analyst;

GRANT SELECT ON TABLE marts.campaign_arms TO marketflow_sender;
GRANT SELECT ON TABLE marts.campaign_arms TO marketflow_audience;
GRANT SELECT ON TABLE marts.campaign_arms TO marketflow_analyst;

GRANT SELECT ON TABLE marts.campaign_attribution TO marketflow_sender;
GRANT SELECT ON TABLE marts.campaign_attribution TO marketflow_audience;
GRANT SELECT ON TABLE marts.campaign_attribution TO marketflow_analyst;

GRANT SELECT ON TABLE marts.campaign_members TO marketflow_sender;
GRANT SELECT ON TABLE marts.campaign_members TO marketflow_audience;
GRANT SELECT ON TABLE marts.campaign_members TO marketflow_analyst;

GRANT SELECT ON TABLE marts.campaign_performance TO marketflow_sender;
GRANT SELECT ON TABLE marts.campaign_performance TO marketflow_audience;
GRANT SELECT ON TABLE marts.campaign_performance TO marketflow_analyst;

GRANT SELECT ON TABLE marts.campaign_recommendations TO marketflow_sender;
GRANT SELECT ON TABLE marts.campaign_recommendations TO marketflow_audience;
GRANT SELECT ON TABLE marts.campaign_recommendations TO marketflow_analyst;

GRANT SELECT ON TABLE marts.campaign_results TO marketflow_sender;
GRANT SELECT ON TABLE marts.campaign_results TO marketflow_audience;
GRANT SELECT ON TABLE marts.campaign_results TO marketflow_analyst;

GRANT SELECT ON TABLE marts.campaign_sends TO marketflow_sender;
GRANT SELECT ON TABLE marts.campaign_sends TO marketflow_audience;
GRANT SELECT ON TABLE marts.campaign_sends TO marketflow_analyst;

GRANT SELECT ON TABLE marts.campaign_uplift TO marketflow_sender;
GRANT SELECT ON TABLE marts.campaign_uplift TO marketflow_audience;
GRANT SELECT ON TABLE marts.campaign_uplift TO marketflow_analyst;

GRANT SELECT ON TABLE marts.click_results TO marketflow_sender;
GRANT SELECT ON TABLE marts.click_results TO marketflow_audience;
GRANT SELECT ON TABLE marts.click_results TO marketflow_analyst;

GRANT SELECT ON TABLE marts.cluster_profiles TO marketflow_sender;
GRANT SELECT ON TABLE marts.cluster_profiles TO marketflow_audience;
GRANT SELECT ON TABLE marts.cluster_profiles TO marketflow_analyst;

GRANT SELECT ON TABLE marts.customer_360 TO marketflow_sender;
GRANT SELECT ON TABLE marts.customer_360 TO marketflow_audience;
GRANT SELECT ON TABLE marts.customer_360 TO marketflow_analyst;

GRANT SELECT ON TABLE marts.customer_days TO marketflow_sender;
GRANT SELECT ON TABLE marts.customer_days TO marketflow_audience;
GRANT SELECT ON TABLE marts.customer_days TO marketflow_analyst;

GRANT SELECT ON TABLE marts.customer_events TO marketflow_sender;
GRANT SELECT ON TABLE marts.customer_events TO marketflow_audience;
GRANT SELECT ON TABLE marts.customer_events TO marketflow_analyst;

GRANT SELECT ON TABLE marts.experiment_results TO marketflow_sender;
GRANT SELECT ON TABLE marts.experiment_results TO marketflow_audience;
GRANT SELECT ON TABLE marts.experiment_results TO marketflow_analyst;

GRANT SELECT ON TABLE marts.journey_draws TO marketflow_sender;
GRANT SELECT ON TABLE marts.journey_draws TO marketflow_audience;
GRANT SELECT ON TABLE marts.journey_draws TO marketflow_analyst;

GRANT SELECT ON TABLE marts.journey_steps TO marketflow_sender;
GRANT SELECT ON TABLE marts.journey_steps TO marketflow_audience;
GRANT SELECT ON TABLE marts.journey_steps TO marketflow_analyst;

GRANT SELECT ON TABLE marts.message_activity TO marketflow_sender;
GRANT SELECT ON TABLE marts.message_activity TO marketflow_audience;
GRANT SELECT ON TABLE marts.message_activity TO marketflow_analyst;

GRANT SELECT ON TABLE marts.open_baskets TO marketflow_sender;
GRANT SELECT ON TABLE marts.open_baskets TO marketflow_audience;
GRANT SELECT ON TABLE marts.open_baskets TO marketflow_analyst;

GRANT SELECT ON TABLE marts.product_recommendations TO marketflow_sender;
GRANT SELECT ON TABLE marts.product_recommendations TO marketflow_audience;
GRANT SELECT ON TABLE marts.product_recommendations TO marketflow_analyst;

GRANT SELECT ON TABLE marts.products TO marketflow_sender;
GRANT SELECT ON TABLE marts.products TO marketflow_audience;
GRANT SELECT ON TABLE marts.products TO marketflow_analyst;

GRANT SELECT(product_id) ON TABLE marts.products TO marketflow_edge;

GRANT SELECT(product_name) ON TABLE marts.products TO marketflow_edge;

GRANT SELECT ON TABLE marts.related_products TO marketflow_sender;
GRANT SELECT ON TABLE marts.related_products TO marketflow_audience;
GRANT SELECT ON TABLE marts.related_products TO marketflow_analyst;

GRANT SELECT ON TABLE marts.revenue_daily TO marketflow_sender;
GRANT SELECT ON TABLE marts.revenue_daily TO marketflow_audience;
GRANT SELECT ON TABLE marts.revenue_daily TO marketflow_analyst;

GRANT SELECT ON TABLE marts.sales_forecasts TO marketflow_sender;
GRANT SELECT ON TABLE marts.sales_forecasts TO marketflow_audience;
GRANT SELECT ON TABLE marts.sales_forecasts TO marketflow_analyst;

GRANT SELECT ON TABLE models.segment_memberships TO marketflow_analyst;

GRANT SELECT ON TABLE marts.segment_memberships TO marketflow_sender;
GRANT SELECT ON TABLE marts.segment_memberships TO marketflow_audience;
GRANT SELECT ON TABLE marts.segment_memberships TO marketflow_analyst;

GRANT SELECT ON TABLE marts.segment_migrations TO marketflow_sender;
GRANT SELECT ON TABLE marts.segment_migrations TO marketflow_audience;
GRANT SELECT ON TABLE marts.segment_migrations TO marketflow_analyst;

GRANT SELECT ON TABLE marts.top_products TO marketflow_sender;
GRANT SELECT ON TABLE marts.top_products TO marketflow_audience;
GRANT SELECT ON TABLE marts.top_products TO marketflow_analyst;

GRANT SELECT ON TABLE models.churn_risks TO marketflow_analyst;

GRANT SELECT ON TABLE models.cluster_choices TO marketflow_analyst;

GRANT SELECT ON TABLE models.cluster_features TO marketflow_analyst;

GRANT SELECT ON TABLE models.cluster_points TO marketflow_analyst;

GRANT SELECT ON TABLE models.cluster_profiles TO marketflow_analyst;

GRANT SELECT ON TABLE models.clusters TO marketflow_analyst;

GRANT SELECT ON TABLE models.customer_values TO marketflow_analyst;

GRANT SELECT ON TABLE models.forecast_scores TO marketflow_analyst;

GRANT SELECT ON TABLE models.next_orders TO marketflow_analyst;

GRANT SELECT ON TABLE models.pictures TO marketflow_analyst;

GRANT SELECT ON TABLE models.published TO marketflow_analyst;

GRANT SELECT ON TABLE models.runs TO marketflow_analyst;

GRANT SELECT ON TABLE models.sales_forecasts TO marketflow_analyst;

GRANT SELECT ON TABLE models.send_time_patterns TO marketflow_analyst;

GRANT SELECT ON TABLE models.send_times TO marketflow_analyst;

GRANT SELECT ON TABLE ops.findings TO marketflow_loader;
GRANT SELECT ON TABLE ops.findings TO marketflow_analyst;

GRANT SELECT,INSERT,UPDATE ON TABLE ops.landing_files TO marketflow_loader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ops.load_records TO marketflow_loader;
GRANT SELECT ON TABLE ops.load_records TO marketflow_analyst;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ops.loads TO marketflow_loader;
GRANT SELECT ON TABLE ops.loads TO marketflow_analyst;

GRANT SELECT,INSERT ON TABLE ops.quality_results TO marketflow_loader;
GRANT SELECT ON TABLE ops.quality_results TO marketflow_analyst;

GRANT SELECT,INSERT ON TABLE ops.quarantine TO marketflow_loader;

GRANT UPDATE(reason) ON TABLE ops.quarantine TO marketflow_loader;

GRANT UPDATE(column_name) ON TABLE ops.quarantine TO marketflow_loader;

GRANT UPDATE(replayed_load_id) ON TABLE ops.quarantine TO marketflow_loader;

GRANT UPDATE(replayed_at) ON TABLE ops.quarantine TO marketflow_loader;

GRANT SELECT ON TABLE ops.table_freshness TO marketflow_sender;
GRANT SELECT ON TABLE ops.table_freshness TO marketflow_analyst;
GRANT SELECT ON TABLE ops.table_freshness TO marketflow_loader;

GRANT INSERT ON TABLE privacy.audit_log TO marketflow_loader;

GRANT INSERT ON TABLE privacy.consent_events TO marketflow_edge;

GRANT SELECT(contact_point_id) ON TABLE privacy.consent_events TO marketflow_edge;

GRANT SELECT(channel) ON TABLE privacy.consent_events TO marketflow_edge;

GRANT SELECT(purpose) ON TABLE privacy.consent_events TO marketflow_edge;

GRANT SELECT(granted) ON TABLE privacy.consent_events TO marketflow_edge;

GRANT SELECT(occurred_at) ON TABLE privacy.consent_events TO marketflow_edge;

GRANT SELECT(how) ON TABLE privacy.consent_events TO marketflow_edge;

GRANT SELECT ON TABLE privacy.consents TO marketflow_sender;
GRANT SELECT,INSERT ON TABLE privacy.consents TO marketflow_edge;

GRANT UPDATE(granted) ON TABLE privacy.consents TO marketflow_edge;

GRANT UPDATE(changed_at) ON TABLE privacy.consents TO marketflow_edge;

GRANT INSERT ON TABLE privacy.preference_events TO marketflow_edge;

GRANT SELECT,INSERT,UPDATE ON TABLE privacy.preferences TO marketflow_edge;
GRANT SELECT ON TABLE privacy.preferences TO marketflow_sender;

GRANT SELECT,INSERT ON TABLE privacy.suppressions TO marketflow_sender;
GRANT INSERT ON TABLE privacy.suppressions TO marketflow_edge;

GRANT UPDATE(reason) ON TABLE privacy.suppressions TO marketflow_sender;

GRANT UPDATE(since) ON TABLE privacy.suppressions TO marketflow_sender;

GRANT SELECT,INSERT,DELETE ON TABLE raw.campaigns TO marketflow_loader;

GRANT SELECT,INSERT,DELETE ON TABLE raw.consents TO marketflow_loader;

GRANT SELECT,INSERT,DELETE ON TABLE raw.contacts TO marketflow_loader;

GRANT SELECT,INSERT,DELETE ON TABLE raw.coupons TO marketflow_loader;

GRANT SELECT,INSERT,DELETE ON TABLE raw.customers TO marketflow_loader;

GRANT SELECT,INSERT,DELETE ON TABLE raw.events TO marketflow_loader;

GRANT SELECT,INSERT,DELETE ON TABLE raw.exchange_rates TO marketflow_loader;

GRANT SELECT,INSERT,DELETE ON TABLE raw.feedback TO marketflow_loader;

GRANT SELECT,INSERT,DELETE ON TABLE raw.interactions TO marketflow_loader;

GRANT SELECT,INSERT,DELETE ON TABLE raw.orders TO marketflow_loader;

GRANT SELECT ON TABLE raw.order_lines TO marketflow_loader;

GRANT SELECT,INSERT,DELETE ON TABLE raw.products TO marketflow_loader;

ALTER DEFAULT PRIVILEGES FOR ROLE marketflow_owner IN SCHEMA marts GRANT SELECT ON TABLES TO marketflow_sender;
ALTER DEFAULT PRIVILEGES FOR ROLE marketflow_owner IN SCHEMA marts GRANT SELECT ON TABLES TO marketflow_audience;
ALTER DEFAULT PRIVILEGES FOR ROLE marketflow_owner IN SCHEMA marts GRANT SELECT ON TABLES TO marketflow_analyst;

-- VIEW core.all_orders (
--     order_id bigint,
--     source text,
--     external_id text,
--     customer_id bigint,
--     ordered_at timestamp with time zone,
--     ordered_on date,
--     line_count integer,
--     revenue numeric(14,2),
--     discount numeric(14,2),
--     currency text,
--     kind text,
--     base_revenue numeric(14,2),
--     is_simulated boolean
-- );

-- VIEW core.order_lines (
--     order_id bigint,
--     line_no integer,
--     product_id bigint,
--     quantity numeric(14,3),
--     amount numeric(14,2),
--     discount numeric(14,2),
--     ordered_on date
-- );

-- VIEW marts.campaign_members (
--     plan_id bigint,
--     campaign text,
--     occasion text,
--     channel text,
--     customer_id bigint,
--     business_date date,
--     is_dry_run boolean,
--     definition_version text,
--     rule text,
--     plan_state text,
--     planned_at timestamp with time zone,
--     outcome text,
--     send_id bigint,
--     send_state text,
--     send_reason text,
--     sent_at timestamp with time zone,
--     variant text
-- );

-- VIEW marts.campaign_sends (
--     send_id bigint,
--     campaign text,
--     occasion text,
--     channel text,
--     step integer,
--     plan_id bigint,
--     customer_id bigint,
--     purpose text,
--     definition_version text,
--     state text,
--     reason text,
--     attempts integer,
--     planned_at timestamp with time zone,
--     released_at timestamp with time zone,
--     sent_at timestamp with time zone,
--     is_test boolean,
--     variant text
-- );

-- VIEW marts.click_results (
--     click_id uuid,
--     send_id bigint,
--     campaign text,
--     occasion text,
--     channel text,
--     variant text,
--     customer_id bigint,
--     url text,
--     clicked_at timestamp with time zone,
--     verdict text,
--     verdict_reason text,
--     client text,
--     pages bigint,
--     first_page_at timestamp with time zone,
--     orders bigint,
--     revenue numeric,
--     first_order_at timestamp with time zone,
--     attribution_days integer,
--     is_simulated boolean,
--     is_test boolean
-- );

-- VIEW marts.customer_events (
--     occurred_on date,
--     event_id uuid,
--     customer_id bigint,
--     event_type text,
--     occurred_at timestamp with time zone,
--     product_id bigint,
--     campaign_ref text,
--     coupon_ref text
-- );

-- VIEW marts.experiment_results (
--     campaign text,
--     experiment text,
--     arm text,
--     look_on date,
--     looked_at timestamp with time zone,
--     is_control boolean,
--     share numeric(5,2),
--     metric text,
--     alpha double precision,
--     assigned bigint,
--     sent bigint,
--     conversions bigint,
--     clickers bigint,
--     rate double precision,
--     difference double precision,
--     interval_low double precision,
--     interval_high double precision,
--     p_value double precision,
--     uplift double precision,
--     uplift_low double precision,
--     uplift_high double precision,
--     ratio_p double precision,
--     sent_ratio_p double precision,
--     verdict text,
--     is_newest boolean,
--     is_winner boolean,
--     decided_at timestamp with time zone,
--     reason text,
--     is_simulated boolean
-- );

-- VIEW marts.journey_draws (
--     journey text,
--     experiment text,
--     visit_id bigint,
--     customer_id bigint,
--     arm text,
--     drawn_at timestamp with time zone,
--     version text,
--     step text
-- );

-- VIEW marts.journey_steps (
--     journey text,
--     step text,
--     entered bigint,
--     here_now bigint,
--     passed bigint,
--     reached_goal bigint,
--     dropped bigint,
--     written_to bigint,
--     refused bigint,
--     is_simulated boolean
-- );

-- VIEW marts.message_activity (
--     send_id bigint,
--     campaign text,
--     occasion text,
--     channel text,
--     step integer,
--     variant text,
--     customer_id bigint,
--     sent_at timestamp with time zone,
--     opens bigint,
--     proxy_opens bigint,
--     scanner_opens bigint,
--     first_opened_at timestamp with time zone,
--     first_proxy_open_at timestamp with time zone,
--     clicks bigint,
--     links_clicked bigint,
--     scanner_clicks bigint,
--     first_clicked_at timestamp with time zone,
--     web_views bigint,
--     last_active_at timestamp with time zone,
--     is_simulated boolean,
--     is_test boolean
-- );

-- VIEW marts.segment_memberships (
--     customer_id bigint,
--     segment text,
--     entered_on date,
--     left_on date
-- );

-- VIEW raw.order_lines (
--     load_id bigint,
--     file_id bigint,
--     record_no integer,
--     order_ref text,
--     customer_ref text,
--     store_ref text,
--     product_ref text,
--     quantity numeric(14,3),
--     amount numeric(14,2),
--     retail_discount numeric(14,2),
--     coupon_discount numeric(14,2),
--     currency text,
--     ordered_at timestamp with time zone,
--     kind text,
--     original_order_ref text,
--     version_at timestamp with time zone,
--     is_deleted boolean,
--     is_simulated boolean
-- );

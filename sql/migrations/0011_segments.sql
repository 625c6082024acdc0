-- RFM by what changed: the window's totals per customer are kept from day to day, and a run stores one row per customer.
ALTER TABLE models.rfm ADD COLUMN recency_days integer;
ALTER TABLE models.rfm ADD COLUMN frequency integer;
ALTER TABLE models.rfm ADD COLUMN monetary numeric(14, 2);
ALTER TABLE models.rfm ADD COLUMN first_order_on date;
ALTER TABLE models.rfm ADD COLUMN last_order_on date;
UPDATE models.rfm AS m
SET
    recency_days = f.recency_days,
    frequency = f.frequency,
    monetary = f.monetary,
    first_order_on = f.first_order_on,
    last_order_on = f.last_order_on
FROM features.purchase_summaries AS f
WHERE m.run_id = f.run_id AND m.customer_id = f.customer_id;
ALTER TABLE models.rfm ALTER COLUMN recency_days SET NOT NULL;
ALTER TABLE models.rfm ALTER COLUMN frequency SET NOT NULL;
ALTER TABLE models.rfm ALTER COLUMN monetary SET NOT NULL;
ALTER TABLE models.rfm ALTER COLUMN first_order_on SET NOT NULL;
ALTER TABLE models.rfm ALTER COLUMN last_order_on SET NOT NULL;

-- A run writes its rows at once and is read as a whole. Measured with 200,000 customers: the rows alone take 0.1 s, the
-- primary key 0.16 s more, the foreign key to models.runs 0.42 s more. `segments` deletes the rows with their run.
ALTER TABLE models.rfm DROP CONSTRAINT rfm_run_id_fkey;
ALTER TABLE models.rfm DROP CONSTRAINT rfm_pkey;
CREATE INDEX rfm_run ON models.rfm USING brin (run_id) WITH (autosummarize = on); -- the rows of one run lie together

-- Until now one row per run and customer: models.rfm has these. From now on one row per customer, of the kept window.
DROP TABLE features.purchase_summaries;
CREATE TABLE features.purchase_summaries (
    customer_id bigint PRIMARY KEY,
    frequency integer NOT NULL,
    monetary numeric(14, 2) NOT NULL,
    first_order_on date NOT NULL,
    last_order_on date NOT NULL
);

CREATE TABLE features.purchase_windows (
    is_kept boolean PRIMARY KEY DEFAULT TRUE CHECK (is_kept),
    as_of date NOT NULL,
    window_days integer NOT NULL,
    customers bigint NOT NULL
);
COMMENT ON TABLE features.purchase_windows IS 'One row: which days features.purchase_summaries counts; none: it has never been written';
COMMENT ON COLUMN features.purchase_windows.as_of IS 'The last day';
COMMENT ON COLUMN features.purchase_windows.window_days IS 'How many days up to that day';
COMMENT ON COLUMN features.purchase_windows.customers IS 'How many had bought in it when all were last summed up';

-- Summing up a year by customer reads the index alone, in the customers' order: 0.3 s for 1.5 million orders where reading
-- and hashing the rows takes 1.3 s. The index is hardly larger for it.
DROP INDEX core.orders_customer;
CREATE INDEX orders_customer ON core.orders (customer_id, ordered_on) INCLUDE (kind, base_revenue);

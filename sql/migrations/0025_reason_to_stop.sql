-- Which limit is passed, in words with its figures: the same for a campaign and for a channel. NULL: none is.
CREATE FUNCTION activation.reason_to_stop(
    bounces bigint, complaints bigint, answered numeric, reports bigint,
    bounces_percent double precision, complaints_percent double precision
) RETURNS text
LANGUAGE sql STABLE
RETURN CASE
    WHEN bounces >= reports AND bounces * 100 > answered * bounces_percent
        THEN concat(
            'bounces: ', bounces, ' of ', answered, ' messages (', round(bounces * 100.0 / answered, 2),
            ' %), the limit is ', bounces_percent, ' %'
        )
    WHEN complaints >= reports AND complaints * 100 > answered * complaints_percent
        THEN concat(
            'complaints: ', complaints, ' of ', answered, ' messages (', round(complaints * 100.0 / answered, 2),
            ' %), the limit is ', complaints_percent, ' %'
        )
END;

-- The events of a stream are looked for by the stream's own index, whatever the statistics say. Those of a young ledger, of
-- a few long streams, made the planner believe that any stream is a third of the table, and that reading all by position
-- and leaving out the others' is cheaper: a whole index for each stream, until the next analysis.

-- migrate:up
CREATE OR REPLACE FUNCTION ledger.events_behind(streams uuid[], versions bigint[], until bigint)
RETURNS TABLE (originator_id uuid, originator_version bigint, topic text, state bytea, notification_id bigint)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = 'force_generic_plan' SET enable_seqscan = 'off' SET enable_bitmapscan = 'off' AS $$
BEGIN
    RETURN QUERY
        SELECT e.originator_id, e.originator_version, e.topic, e.state, e.notification_id
        FROM unnest(streams, versions) AS asked (stream_id, version)
        CROSS JOIN LATERAL (
            SELECT * FROM ledger.events one
            WHERE one.originator_id = asked.stream_id AND one.originator_version > asked.version
            -- An expression, so that no index of positions fits it.
            AND one.notification_id + 0 <= until
            ORDER BY one.originator_version
        ) e;
END
$$;

-- migrate:down
CREATE OR REPLACE FUNCTION ledger.events_behind(streams uuid[], versions bigint[], until bigint)
RETURNS TABLE (originator_id uuid, originator_version bigint, topic text, state bytea, notification_id bigint)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = 'force_generic_plan' SET enable_seqscan = 'off' SET enable_bitmapscan = 'off' AS $$
BEGIN
    RETURN QUERY
        SELECT e.originator_id, e.originator_version, e.topic, e.state, e.notification_id
        FROM unnest(streams, versions) AS asked (stream_id, version)
        CROSS JOIN LATERAL (
            SELECT * FROM ledger.events one
            WHERE one.originator_id = asked.stream_id AND one.originator_version > asked.version
            AND one.notification_id <= until
            ORDER BY one.originator_version
        ) e;
END
$$;

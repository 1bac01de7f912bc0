-- What each append looks at, by plans that are kept. They were made anew for each, because arrays of other lengths seem
-- to be worth it; a kept one must not be that of a table that was empty then. Each place is one look into an index.

-- migrate:up
ALTER FUNCTION ledger.require_guards(uuid[], bigint[])
    SET plan_cache_mode = 'force_generic_plan' SET enable_seqscan = 'off';
ALTER FUNCTION ledger.require_unerased(uuid[], uuid[])
    SET plan_cache_mode = 'force_generic_plan' SET enable_seqscan = 'off';

-- The events of each stream behind a version, up to a position.
CREATE FUNCTION ledger.events_behind(streams uuid[], versions bigint[], until bigint)
RETURNS TABLE (originator_id uuid, originator_version bigint, topic text, state bytea, notification_id bigint)
LANGUAGE plpgsql STABLE SET plan_cache_mode = 'force_generic_plan' SET enable_seqscan = 'off' AS $$
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

-- Who has each of these marks; those that nobody has are left out.
CREATE FUNCTION ledger.owners(kinds text[], marks bytea[])
RETURNS TABLE (kind text, mark bytea, subject uuid)
LANGUAGE plpgsql STABLE SET plan_cache_mode = 'force_generic_plan' SET enable_seqscan = 'off' AS $$
BEGIN
    RETURN QUERY
        SELECT b.kind, b.mark, b.subject
        FROM unnest(kinds, marks) AS asked (kind, mark)
        JOIN ledger.blind_index b ON b.kind = asked.kind AND b.mark = asked.mark;
END
$$;

-- migrate:down
DROP FUNCTION ledger.owners(text[], bytea[]);
DROP FUNCTION ledger.events_behind(uuid[], bigint[], bigint);
ALTER FUNCTION ledger.require_unerased(uuid[], uuid[]) RESET plan_cache_mode RESET enable_seqscan;
ALTER FUNCTION ledger.require_guards(uuid[], bigint[]) RESET plan_cache_mode RESET enable_seqscan;

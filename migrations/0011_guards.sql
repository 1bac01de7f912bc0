-- Guards looked at by the statement that inserts: one round trip, and still under the append lock.

-- migrate:up
CREATE FUNCTION ledger.require_guards(streams uuid[], versions bigint[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    -- Volatile, so what follows sees what was committed before the lock was had, not before the statement.
    PERFORM pg_advisory_xact_lock(7597119);
    -- A scalar subquery is no join: each guard is one look into the index, whatever the planner believes of the
    -- table's size.
    IF (
        SELECT bool_or((
            SELECT true FROM ledger.events e
            WHERE e.originator_id = guard.stream_id AND e.originator_version = guard.version
        ))
        FROM unnest(streams, versions) AS guard (stream_id, version)
    ) THEN
        RAISE EXCEPTION 'a stream that a decision looked at has moved on' USING ERRCODE = 'LE002';
    END IF;
    RETURN true;
END
$$;

-- migrate:down
DROP FUNCTION ledger.require_guards(uuid[], bigint[]);

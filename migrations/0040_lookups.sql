-- What each append looks at is one look into an index for each place. Of a table that nobody has analysed yet the planner
-- believes that a stream is hundreds of events, and would read a second index whole for each of them. Of one that was
-- analysed before anybody was erased it believes that the index of erasures is empty, and would read that whole.

-- migrate:up
ALTER FUNCTION ledger.events_behind(uuid[], bigint[], bigint) SET enable_bitmapscan = 'off';
CREATE OR REPLACE FUNCTION ledger.require_unerased(keys uuid[], erasures uuid[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = 'force_generic_plan' SET enable_seqscan = 'off' SET enable_bitmapscan = 'off' AS $$
BEGIN
    -- Volatile, so what follows sees what was committed before the lock was had, not before the statement.
    PERFORM pg_advisory_xact_lock(7597119);
    IF (
        SELECT bool_or((
            SELECT true FROM ledger.data_keys k WHERE k.key_id = asked.key_id AND k.wrapped IS NULL
        ))
        FROM unnest(keys) AS asked (key_id)
    ) OR (
        SELECT bool_or((
            -- An expression, so that no index of erasures fits it: the stream's own is asked.
            SELECT true FROM ledger.events e
            WHERE e.originator_id = asked.stream_id AND e.topic || '' = 'PatientErased' LIMIT 1
        ))
        FROM unnest(erasures) AS asked (stream_id)
    ) THEN
        RAISE EXCEPTION 'the key that seals it, or the patient whom it is about, was erased' USING ERRCODE = 'LE003';
    END IF;
    RETURN true;
END
$$;

-- migrate:down
CREATE OR REPLACE FUNCTION ledger.require_unerased(keys uuid[], erasures uuid[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET plan_cache_mode = 'force_generic_plan' SET enable_seqscan = 'off' AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7597119);
    IF (
        SELECT bool_or((
            SELECT true FROM ledger.data_keys k WHERE k.key_id = asked.key_id AND k.wrapped IS NULL
        ))
        FROM unnest(keys) AS asked (key_id)
    ) OR (
        SELECT bool_or((
            SELECT true FROM ledger.events e
            WHERE e.originator_id = asked.stream_id AND e.topic = 'PatientErased' LIMIT 1
        ))
        FROM unnest(erasures) AS asked (stream_id)
    ) THEN
        RAISE EXCEPTION 'the key that seals it, or the patient whom it is about, was erased' USING ERRCODE = 'LE003';
    END IF;
    RETURN true;
END
$$;
ALTER FUNCTION ledger.events_behind(uuid[], bigint[], bigint) RESET enable_bitmapscan;

-- Erasure: nothing is stored under a destroyed key or for an erased patient; sealed documents go with their keys; and
-- the view of what is to be destroyed.

-- migrate:up
-- Looked at under the append lock, so that erasing and storing never pass each other by.
CREATE FUNCTION ledger.require_unerased(keys uuid[], erasures uuid[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
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

-- A key for a subject that is there already: not for one whose keys were destroyed.
CREATE INDEX data_keys_erased_idx ON ledger.data_keys (subject) WHERE wrapped IS NULL;

-- The application can't delete documents. This function can, and only those whose keys were destroyed since this
-- transaction began, for a stream that says so. How many it deleted.
CREATE FUNCTION ledger.destroy_documents(subjects uuid[], said_by uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    destroyed bigint;
BEGIN
    IF NOT EXISTS (
        SELECT FROM ledger.events e
        WHERE e.originator_id = said_by AND e.topic IN ('PatientErased', 'ReportDestroyed')
    ) THEN
        RAISE EXCEPTION 'no event says that documents are destroyed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM ledger.documents d
    USING ledger.data_keys k
    WHERE k.key_id = d.key_id AND k.subject = ANY(subjects) AND k.erased_at >= transaction_timestamp();
    GET DIAGNOSTICS destroyed = ROW_COUNT;
    RETURN destroyed;
END
$$;
REVOKE ALL ON FUNCTION ledger.destroy_documents(uuid[], uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.destroy_documents(uuid[], uuid) TO letopis_app;
CREATE INDEX documents_key_idx ON ledger.documents (key_id);
CREATE INDEX data_keys_subject_idx ON ledger.data_keys (subject);

CREATE SCHEMA erasure;
CREATE TABLE erasure.tracking (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO erasure.tracking (position) VALUES (0);
CREATE TABLE erasure.parked (
    position bigint PRIMARY KEY,
    stream_id uuid NOT NULL,
    reason text NOT NULL
);
CREATE INDEX parked_stream_idx ON erasure.parked (stream_id);
CREATE TABLE erasure.erasures (
    patient_id uuid PRIMARY KEY,
    ground text NOT NULL,
    due date NOT NULL,
    ordered_at timestamptz NOT NULL,
    reference text,
    status text NOT NULL,
    erased_at timestamptz,
    erased_position bigint,
    completed_at timestamptz,
    keys integer,
    documents integer,
    marks integer,
    reports integer,
    act_number text
);
CREATE INDEX erasures_due_idx ON erasure.erasures (due) WHERE status = 'ordered';
CREATE TABLE erasure.holds (
    hold_id uuid PRIMARY KEY,
    patient_id uuid NOT NULL,
    reason text NOT NULL,
    until date,
    reference text,
    held_at timestamptz NOT NULL
);
CREATE INDEX holds_patient_idx ON erasure.holds (patient_id);

ALTER TABLE erasure.erasures ENABLE ROW LEVEL SECURITY;
ALTER TABLE erasure.holds ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON erasure.erasures TO letopis_app, letopis_auditor USING (true) WITH CHECK (true);
CREATE POLICY everybody ON erasure.holds TO letopis_app, letopis_auditor USING (true) WITH CHECK (true);

GRANT USAGE ON SCHEMA erasure TO letopis_app, letopis_auditor;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA erasure TO letopis_app;
GRANT SELECT ON ALL TABLES IN SCHEMA erasure TO letopis_auditor;

-- migrate:down
DROP SCHEMA erasure CASCADE;
DROP INDEX ledger.data_keys_subject_idx;
DROP INDEX ledger.documents_key_idx;
DROP FUNCTION ledger.destroy_documents(uuid[], uuid);
DROP INDEX ledger.data_keys_erased_idx;
DROP FUNCTION ledger.require_unerased(uuid[], uuid[]);

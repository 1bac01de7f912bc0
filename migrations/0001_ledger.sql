-- The ledger: events, sealed documents, wrapped keys, blind index. Append-only where it is history.

-- migrate:up
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'letopis_app') THEN
        CREATE ROLE letopis_app NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'letopis_auditor') THEN
        CREATE ROLE letopis_auditor NOLOGIN;
    END IF;
    -- An owner who is no superuser works in these roles too.
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('GRANT letopis_app, letopis_auditor TO %I', current_user);
    END IF;
EXCEPTION
    -- Roles belong to the server: another database of it may be migrated at the same moment.
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

CREATE SCHEMA ledger;

-- One row: the name of this log, which is in every leaf and every checkpoint and never changes, and the
-- fingerprint of the secrets that belong to it.
CREATE TABLE ledger.identity (
    origin text NOT NULL CHECK (origin ~ '^[A-Za-z0-9._/-]{1,200}$'),
    secrets bytea NOT NULL,
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row)
);

-- Columns as the eventsourcing recorder names them: originator_id is our stream_id,
-- originator_version the version in it, topic the stored name, notification_id the position.
CREATE TABLE ledger.events (
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL CHECK (originator_version > 0),
    topic text NOT NULL,
    state bytea NOT NULL,
    notification_id bigserial,
    PRIMARY KEY (originator_id, originator_version)
) WITH (toast_tuple_target = 8160, autovacuum_vacuum_insert_threshold = 100000);
CREATE UNIQUE INDEX events_notification_id_idx ON ledger.events (notification_id);
-- Sealed bytes do not compress. Kept in the row, a reader of history finds them in one place.
ALTER TABLE ledger.events ALTER COLUMN state SET STORAGE EXTERNAL;

-- Bytes too large for an event (a laboratory's signed envelope), stored with the event that names them.
CREATE TABLE ledger.documents (
    document_id uuid PRIMARY KEY,
    key_id uuid NOT NULL,
    sealed bytea NOT NULL
);
ALTER TABLE ledger.documents ALTER COLUMN sealed SET STORAGE EXTERNAL;

-- One data key for each subject and purpose, wrapped by a key that is not in this database.
-- An erased key keeps its row without the key, so that erasure and loss can be told apart.
CREATE TABLE ledger.data_keys (
    key_id uuid PRIMARY KEY,
    subject uuid NOT NULL,
    purpose text NOT NULL,
    epoch integer NOT NULL,
    wrapped bytea,
    erased_at timestamptz,
    CHECK ((wrapped IS NULL) = (erased_at IS NOT NULL))
);
CREATE UNIQUE INDEX data_keys_live_idx ON ledger.data_keys (subject, purpose) WHERE wrapped IS NOT NULL;

-- Who has this phone, this СНИЛС, this policy: found by a keyed mark, never by the number.
CREATE TABLE ledger.blind_index (
    kind text NOT NULL,
    mark bytea NOT NULL,
    subject uuid NOT NULL,
    PRIMARY KEY (kind, mark)
);
CREATE INDEX blind_index_subject_idx ON ledger.blind_index (subject);

-- Order: whoever inserts events holds this lock from before the first position is drawn until commit,
-- so positions become visible in their order and a tailing reader never passes one by. A trigger takes
-- it, so that no way of writing can forget it.
CREATE FUNCTION ledger.take_append_lock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7597119);
    RETURN NULL;
END
$$;
CREATE TRIGGER events_in_order BEFORE INSERT ON ledger.events
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.take_append_lock();

-- A stream has no gap: whoever decided on a version that is not there decided on nothing.
CREATE FUNCTION ledger.refuse_gap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM added a WHERE a.originator_version > 1 AND NOT EXISTS (
            SELECT FROM ledger.events e
            WHERE e.originator_id = a.originator_id AND e.originator_version = a.originator_version - 1
        )
    ) THEN
        RAISE EXCEPTION 'an event does not follow the one before it in its stream' USING ERRCODE = 'LE001';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER events_without_gap AFTER INSERT ON ledger.events
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_gap();

CREATE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of %.% refused: the ledger is append-only', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.events
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER identity_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.identity
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

GRANT USAGE ON SCHEMA ledger TO letopis_app, letopis_auditor;
GRANT SELECT ON ledger.identity TO letopis_app, letopis_auditor;
-- Not the position: only the sequence gives it.
GRANT SELECT ON ledger.events, ledger.documents TO letopis_app;
GRANT INSERT (originator_id, originator_version, topic, state) ON ledger.events TO letopis_app;
GRANT INSERT ON ledger.documents TO letopis_app;
GRANT USAGE ON SEQUENCE ledger.events_notification_id_seq TO letopis_app;
GRANT SELECT, INSERT, UPDATE (epoch, wrapped, erased_at) ON ledger.data_keys TO letopis_app;
GRANT SELECT, INSERT, DELETE ON ledger.blind_index TO letopis_app;
GRANT SELECT ON ledger.events, ledger.documents TO letopis_auditor;
GRANT SELECT (key_id, subject, purpose, epoch, erased_at) ON ledger.data_keys TO letopis_auditor;

-- migrate:down
-- History is not taken back. To start anew, drop the database.

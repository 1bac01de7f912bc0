-- The log is signed and published by the signer alone: a role of its own, what it published, its sign of life.

-- migrate:up
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'letopis_signer') THEN
        CREATE ROLE letopis_signer NOLOGIN;
    END IF;
    -- A superuser may take any role.
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('GRANT letopis_signer TO %I', current_user);
    END IF;
END
$$;

-- Checkpoints as they went out: with the log's line of ML-DSA-44 and the lines of its witnesses.
CREATE TABLE log.published (
    tree_size bigint NOT NULL,
    published_at timestamptz NOT NULL,
    note bytea NOT NULL,
    PRIMARY KEY (tree_size, published_at)
);
CREATE INDEX published_at_idx ON log.published (published_at);
CREATE TRIGGER published_append_only BEFORE UPDATE OR TRUNCATE ON log.published
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
-- A busy log publishes twice a second. What is older than a day may be thinned; the checkpoints themselves stay.
CREATE FUNCTION log.refuse_early_thinning() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.published_at > now() - interval '1 day' THEN
        RAISE EXCEPTION 'DELETE of log.published refused: what was published is kept for a day'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER published_kept BEFORE DELETE ON log.published
    FOR EACH ROW EXECUTE FUNCTION log.refuse_early_thinning();

-- When the signer was seen last, what stops it, how many witnesses it asks and how many signed last. No history.
CREATE TABLE log.signer (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    seen_at timestamptz NOT NULL,
    alarm text,
    witnesses integer NOT NULL,
    cosigned integer NOT NULL
);

GRANT USAGE ON SCHEMA ledger, transparency, log TO letopis_signer;
GRANT SELECT ON ledger.identity TO letopis_signer;
GRANT SELECT ON ALL TABLES IN SCHEMA transparency TO letopis_signer;
GRANT SELECT, INSERT ON log.checkpoints TO letopis_signer;
GRANT SELECT, INSERT, DELETE ON log.published TO letopis_signer;
GRANT SELECT, INSERT, UPDATE ON log.signer TO letopis_signer;
GRANT SELECT ON log.published, log.signer TO letopis_app, letopis_auditor;
REVOKE INSERT ON log.checkpoints FROM letopis_app;

-- migrate:down
GRANT INSERT ON log.checkpoints TO letopis_app;
DROP TABLE log.published, log.signer;
DROP FUNCTION log.refuse_early_thinning;

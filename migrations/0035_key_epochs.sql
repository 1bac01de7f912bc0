-- Key epochs: no data key is ever stored under a key-encryption key that is about to be destroyed.

-- migrate:up
-- One row an epoch that was begun. `rewrapped` counts the keys that were taken out of it; `emptied_at` is where the WAL
-- was when none was left: an archive that reaches so far carries all keys, wrapped by a later epoch.
CREATE TABLE ledger.key_epochs (
    epoch integer PRIMARY KEY CHECK (epoch > 0),
    rewrapped bigint NOT NULL DEFAULT 0,
    emptied_at pg_lsn
);
INSERT INTO ledger.key_epochs (epoch) VALUES (1);
GRANT SELECT, INSERT (epoch), UPDATE (rewrapped, emptied_at) ON ledger.key_epochs TO letopis_app;
GRANT SELECT ON ledger.key_epochs TO letopis_auditor;

-- What was erased within an epoch that is not destroyed yet opens in older copies of the database: it is looked for.
CREATE INDEX data_keys_of_epoch_idx ON ledger.data_keys (epoch, erased_at) WHERE wrapped IS NULL;
CREATE INDEX events_erasures_idx ON ledger.events (notification_id)
    WHERE topic IN ('PatientErased', 'ErasureCompleted', 'DestructionActDrawn');

-- A process that has not heard of the new epoch wraps by the old one. It is refused, takes the new key up and stores
-- again. Whoever begins an epoch holds this lock alone, so it waits for those who looked before, and who looks later
-- sees it.
CREATE FUNCTION ledger.refuse_past_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7597135);
    IF EXISTS (
        SELECT FROM added
        WHERE wrapped IS NOT NULL AND epoch < (SELECT max(epoch) FROM ledger.key_epochs)
    ) THEN
        RAISE EXCEPTION 'a data key is wrapped by an epoch that is over' USING ERRCODE = 'LE035';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER keys_of_this_epoch AFTER INSERT ON ledger.data_keys
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_past_epoch();
CREATE TRIGGER rewrapped_to_this_epoch AFTER UPDATE ON ledger.data_keys
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_past_epoch();

-- migrate:down
DROP TRIGGER rewrapped_to_this_epoch ON ledger.data_keys;
DROP TRIGGER keys_of_this_epoch ON ledger.data_keys;
DROP FUNCTION ledger.refuse_past_epoch();
DROP INDEX ledger.events_erasures_idx;
DROP INDEX ledger.data_keys_of_epoch_idx;
DROP TABLE ledger.key_epochs;

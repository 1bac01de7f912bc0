-- Numbers without a gap: each laboratory's submissions counted from 1, in the order of the ledger.

-- migrate:up
CREATE TABLE ledger.numbers (
    counter uuid NOT NULL,
    number bigint NOT NULL,
    subject uuid NOT NULL UNIQUE,
    PRIMARY KEY (counter, number)
);

-- Under the append lock, so that numbers and positions have one order; what is rolled back leaves no gap,
-- for the next number is looked up, not drawn from a sequence.
CREATE FUNCTION ledger.give_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7597119);
    NEW.number := coalesce((SELECT max(number) FROM ledger.numbers WHERE counter = NEW.counter), 0) + 1;
    RETURN NEW;
END
$$;
CREATE TRIGGER give_number BEFORE INSERT ON ledger.numbers
    FOR EACH ROW EXECUTE FUNCTION ledger.give_number();

CREATE TRIGGER numbers_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.numbers
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- What was submitted before there were numbers.
INSERT INTO ledger.numbers (counter, subject)
SELECT (regexp_match(convert_from(state, 'UTF8'), '"laboratory_id":"([0-9a-f-]{36})"'))[1]::uuid, originator_id
FROM ledger.events WHERE topic = 'SubmissionReceived' ORDER BY notification_id;

GRANT SELECT, INSERT (counter, subject) ON ledger.numbers TO letopis_app;
GRANT SELECT ON ledger.numbers TO letopis_auditor;

-- migrate:down
DROP TABLE ledger.numbers;
DROP FUNCTION ledger.give_number();

-- Patients' chains: which events each patient's results are made of, in order, and the map that is committed to.

-- migrate:up
CREATE SCHEMA patient_chains;
CREATE TABLE patient_chains.tracking (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO patient_chains.tracking (position) VALUES (0);
CREATE TABLE patient_chains.parked (
    position bigint PRIMARY KEY,
    stream_id uuid NOT NULL,
    reason text NOT NULL
);
CREATE INDEX parked_stream_idx ON patient_chains.parked (stream_id);
-- How long each chain is by now, and its head.
CREATE TABLE patient_chains.chains (
    patient_id uuid PRIMARY KEY,
    label bytea NOT NULL,
    length bigint NOT NULL,
    head bytea NOT NULL
);
-- `number` is the place in the chain, from 1; `position` is the event's, `joined` the one at which it joined the chain:
-- later, if it was not known yet whose it is. `head` is the chain's with this link.
CREATE TABLE patient_chains.links (
    patient_id uuid NOT NULL,
    number bigint NOT NULL,
    position bigint NOT NULL,
    joined bigint NOT NULL,
    head bytea NOT NULL,
    PRIMARY KEY (patient_id, number)
);
CREATE INDEX links_joined_idx ON patient_chains.links (joined);
CREATE INDEX links_position_idx ON patient_chains.links (position);
-- Whose a stream is or was, and up to which version it is in their chain.
CREATE TABLE patient_chains.streams (
    stream_id uuid NOT NULL,
    patient_id uuid NOT NULL,
    version bigint NOT NULL,
    is_theirs boolean NOT NULL,
    PRIMARY KEY (stream_id, patient_id)
);
-- What was committed to: `chains_until` is the position up to which events are in the chains of the map.
CREATE TABLE patient_chains.commitments (
    number bigint PRIMARY KEY,
    position bigint NOT NULL,
    event_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    chains_until bigint NOT NULL,
    root bytea NOT NULL,
    patients bigint NOT NULL
);
-- The map as of the latest commitment: its leaves by label, and its nodes down to the buckets. A node that is not here
-- is empty. `stirred` is the commitment at which what is under it last changed: in a bucket all nonces follow from it.
CREATE TABLE patient_chains.places (
    label bytea PRIMARY KEY,
    length bigint NOT NULL,
    head bytea NOT NULL
);
CREATE TABLE patient_chains.nodes (
    depth integer NOT NULL,
    prefix bigint NOT NULL,
    hash bytea NOT NULL,
    leaves bigint NOT NULL,
    stirred bigint NOT NULL,
    PRIMARY KEY (depth, prefix)
);

ALTER TABLE patient_chains.chains ENABLE ROW LEVEL SECURITY;
ALTER TABLE patient_chains.links ENABLE ROW LEVEL SECURITY;
ALTER TABLE patient_chains.streams ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON patient_chains.chains TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);
CREATE POLICY everybody ON patient_chains.links TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);
CREATE POLICY everybody ON patient_chains.streams TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);
CREATE POLICY own ON patient_chains.chains FOR SELECT TO letopis_patient
USING (patient_id = (SELECT ledger.current_patient()));
CREATE POLICY own ON patient_chains.links FOR SELECT TO letopis_patient
USING (patient_id = (SELECT ledger.current_patient()));
CREATE POLICY own ON patient_chains.streams FOR SELECT TO letopis_patient
USING (patient_id = (SELECT ledger.current_patient()));

GRANT USAGE ON SCHEMA patient_chains TO letopis_app, letopis_auditor, letopis_patient;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA patient_chains TO letopis_app;
GRANT SELECT ON ALL TABLES IN SCHEMA patient_chains TO letopis_auditor;
GRANT SELECT ON patient_chains.chains, patient_chains.links, patient_chains.streams TO letopis_patient;

-- migrate:down
DROP SCHEMA patient_chains CASCADE;

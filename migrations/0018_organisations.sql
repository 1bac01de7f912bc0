-- The registry of medical organisations: public reference data, made anew by each import (`letopis registry import`),
-- and the view of who awaits or has linked which organisation.
-- Search finds words, not texts: each word has the list of the organisations that have it, and each spelling of a word
-- (itself, and itself without one letter) leads to it.

-- migrate:up
CREATE SCHEMA IF NOT EXISTS registry;
CREATE TABLE registry.organisations (
    number integer PRIMARY KEY,
    oid text NOT NULL,
    inn text NOT NULL,
    ogrn text NOT NULL,
    -- The line as it was read (JSON), and the numbers of its words (32 bits each, little-endian).
    line bytea NOT NULL,
    words bytea NOT NULL
);
CREATE UNIQUE INDEX organisations_oid_idx ON registry.organisations (oid);
CREATE INDEX organisations_inn_idx ON registry.organisations (inn text_pattern_ops);
CREATE INDEX organisations_ogrn_idx ON registry.organisations (ogrn text_pattern_ops);
CREATE TABLE registry.words (
    number integer PRIMARY KEY,
    word text NOT NULL,
    frequency integer NOT NULL,
    -- The numbers of the organisations that have it (32 bits each, little-endian).
    organisations bytea NOT NULL
);
ALTER TABLE registry.words ALTER COLUMN organisations SET STORAGE EXTERNAL;
CREATE INDEX words_word_idx ON registry.words (word text_pattern_ops);
CREATE TABLE registry.spellings (
    spelling text NOT NULL,
    word integer NOT NULL
);
CREATE INDEX spellings_idx ON registry.spellings (spelling text_pattern_ops, word);
CREATE TABLE registry.collection_points (
    point_id text PRIMARY KEY,
    oid text NOT NULL,
    line bytea NOT NULL
);
CREATE INDEX collection_points_oid_idx ON registry.collection_points (oid);
-- Which file each part was made of; the event in the ledger says the same.
CREATE TABLE registry.imports (
    part text PRIMARY KEY,
    sha256 text NOT NULL,
    rows integer NOT NULL,
    as_of date NOT NULL
);
GRANT USAGE ON SCHEMA registry TO letopis_app, letopis_auditor;
GRANT SELECT ON registry.organisations, registry.words, registry.spellings, registry.collection_points,
    registry.imports TO letopis_app, letopis_auditor;

CREATE SCHEMA organisations;
CREATE TABLE organisations.tracking (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO organisations.tracking (position) VALUES (0);
CREATE TABLE organisations.parked (
    position bigint PRIMARY KEY,
    stream_id uuid NOT NULL,
    reason text NOT NULL
);
CREATE INDEX parked_stream_idx ON organisations.parked (stream_id);
CREATE TABLE organisations.linkages (
    patient_id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    status text NOT NULL,
    since timestamptz NOT NULL,
    oid text,
    inn text,
    ogrn text,
    PRIMARY KEY (patient_id, organisation_id)
);
CREATE INDEX linkages_awaited_idx ON organisations.linkages (ogrn, inn) WHERE status = 'awaited';
CREATE INDEX linkages_awaited_oid_idx ON organisations.linkages (oid) WHERE status = 'awaited';
CREATE TABLE organisations.laboratories (
    laboratory_id uuid PRIMARY KEY,
    name text NOT NULL,
    inn text NOT NULL,
    ogrn text NOT NULL,
    oid text
);
CREATE INDEX laboratories_ogrn_idx ON organisations.laboratories (ogrn, inn);
CREATE INDEX laboratories_oid_idx ON organisations.laboratories (oid);

-- Medical cards that wait for a person's decision; the number is in the ledger, sealed.
CREATE TABLE organisations.cards (
    patient_id uuid NOT NULL,
    laboratory_id uuid NOT NULL,
    position bigint NOT NULL,
    claimed_at timestamptz NOT NULL,
    PRIMARY KEY (patient_id, laboratory_id)
);
CREATE INDEX cards_position_idx ON organisations.cards (position);

GRANT USAGE ON SCHEMA organisations TO letopis_app, letopis_auditor;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA organisations TO letopis_app;
GRANT SELECT ON ALL TABLES IN SCHEMA organisations TO letopis_auditor;

-- migrate:down
DROP SCHEMA organisations CASCADE;
DROP TABLE registry.organisations, registry.words, registry.spellings, registry.collection_points, registry.imports;

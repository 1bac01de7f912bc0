-- The view of consultations: who receives patients, and which times are booked. Names, questions and whatever the two say
-- to each other stay sealed in the streams.

-- migrate:up
CREATE SCHEMA consultations;
CREATE TABLE consultations.tracking (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO consultations.tracking (position) VALUES (0);
CREATE TABLE consultations.parked (
    position bigint PRIMARY KEY,
    stream_id uuid NOT NULL,
    reason text NOT NULL
);
CREATE INDEX parked_stream_idx ON consultations.parked (stream_id);
CREATE TABLE consultations.doctors (
    member_id uuid PRIMARY KEY,
    doctor_id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    speciality text NOT NULL,
    formats text [] NOT NULL,
    introduced_at timestamptz NOT NULL,
    is_ended boolean NOT NULL DEFAULT false,
    is_admitted boolean NOT NULL DEFAULT true
);
CREATE UNIQUE INDEX doctors_stream_idx ON consultations.doctors (doctor_id);
CREATE TABLE consultations.bookings (
    consultation_id uuid PRIMARY KEY,
    patient_id uuid NOT NULL,
    member_id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    status text NOT NULL,
    format text NOT NULL,
    starts_at timestamptz NOT NULL,
    minutes integer NOT NULL,
    chosen_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    -- The times of which the patient was reminded.
    day_reminded timestamptz,
    hour_reminded timestamptz
);
CREATE INDEX bookings_patient_idx ON consultations.bookings (patient_id, starts_at);
CREATE INDEX bookings_member_idx ON consultations.bookings (member_id, starts_at);
CREATE INDEX bookings_due_idx ON consultations.bookings (starts_at) WHERE status = 'booked';

ALTER TABLE consultations.bookings ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON consultations.bookings TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);
CREATE POLICY own ON consultations.bookings FOR SELECT TO letopis_patient
USING (patient_id = (SELECT ledger.current_patient()));
GRANT USAGE ON SCHEMA consultations TO letopis_app, letopis_auditor, letopis_patient;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA consultations TO letopis_app;
GRANT SELECT ON ALL TABLES IN SCHEMA consultations TO letopis_auditor;
GRANT SELECT ON consultations.bookings TO letopis_patient;

-- migrate:down
DROP SCHEMA consultations CASCADE;

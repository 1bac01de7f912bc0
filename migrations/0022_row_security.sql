-- The second wall: what patients' pages ask of the views is asked in a role that sees one patient's rows
-- only, whatever the query forgot. The first wall is the query itself.

-- migrate:up
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'letopis_patient') THEN
        CREATE ROLE letopis_patient NOLOGIN;
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('GRANT letopis_patient TO %I', current_user);
    END IF;
END $$;

-- Whose rows are asked for: set for one transaction; nobody's when it was not set.
CREATE FUNCTION ledger.current_patient() RETURNS uuid LANGUAGE sql STABLE
    RETURN nullif(current_setting('letopis.patient', true), '')::uuid;

ALTER TABLE cabinet.reports ENABLE ROW LEVEL SECURITY;
ALTER TABLE cabinet.linkages ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit.entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE delivery.notifications ENABLE ROW LEVEL SECURITY;
ALTER TABLE organisations.linkages ENABLE ROW LEVEL SECURITY;
ALTER TABLE organisations.cards ENABLE ROW LEVEL SECURITY;
ALTER TABLE study_requests.requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE obligations.obligations ENABLE ROW LEVEL SECURITY;
ALTER TABLE appeals.appeals ENABLE ROW LEVEL SECURITY;
ALTER TABLE guardianship.relations ENABLE ROW LEVEL SECURITY;
ALTER TABLE cabinet.versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE cabinet.held_versions ENABLE ROW LEVEL SECURITY;

-- The workers that keep the views, staff's pages and auditors see all rows.
CREATE POLICY everybody ON cabinet.reports TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);
CREATE POLICY everybody ON cabinet.linkages TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);
CREATE POLICY everybody ON audit.entries TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);
CREATE POLICY everybody ON delivery.notifications TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);
CREATE POLICY everybody ON organisations.linkages TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);
CREATE POLICY everybody ON organisations.cards TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);
CREATE POLICY everybody ON study_requests.requests TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);
CREATE POLICY everybody ON obligations.obligations TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);
CREATE POLICY everybody ON appeals.appeals TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);
CREATE POLICY everybody ON guardianship.relations TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);
CREATE POLICY everybody ON cabinet.versions TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);
CREATE POLICY everybody ON cabinet.held_versions TO letopis_app, letopis_auditor
USING (true) WITH CHECK (true);

-- A patient's pages see the patient's. What hangs on a report is whose the report is.
CREATE POLICY own ON cabinet.reports FOR SELECT TO letopis_patient
USING (patient_id = (SELECT ledger.current_patient()));
CREATE POLICY own ON cabinet.linkages FOR SELECT TO letopis_patient
USING (patient_id = (SELECT ledger.current_patient()));
CREATE POLICY own ON audit.entries FOR SELECT TO letopis_patient
USING (patient_id = (SELECT ledger.current_patient()));
CREATE POLICY own ON delivery.notifications FOR SELECT TO letopis_patient
USING (patient_id = (SELECT ledger.current_patient()));
CREATE POLICY own ON organisations.linkages FOR SELECT TO letopis_patient
USING (patient_id = (SELECT ledger.current_patient()));
CREATE POLICY own ON organisations.cards FOR SELECT TO letopis_patient
USING (patient_id = (SELECT ledger.current_patient()));
CREATE POLICY own ON study_requests.requests FOR SELECT TO letopis_patient
USING (patient_id = (SELECT ledger.current_patient()));
CREATE POLICY own ON obligations.obligations FOR SELECT TO letopis_patient
USING (patient_id = (SELECT ledger.current_patient()));
CREATE POLICY own ON appeals.appeals FOR SELECT TO letopis_patient
USING (patient_id = (SELECT ledger.current_patient()));
CREATE POLICY own ON guardianship.relations FOR SELECT TO letopis_patient
USING ((SELECT ledger.current_patient()) IN (guardian_id, ward_id));
CREATE POLICY own ON cabinet.versions FOR SELECT TO letopis_patient
USING (EXISTS (SELECT FROM cabinet.reports AS r WHERE r.report_id = versions.report_id));
CREATE POLICY own ON cabinet.held_versions FOR SELECT TO letopis_patient
USING (EXISTS (SELECT FROM cabinet.reports AS r WHERE r.report_id = held_versions.report_id));

GRANT USAGE ON SCHEMA ledger, appeals, audit, cabinet, delivery, guardianship, obligations, organisations, study_requests TO letopis_patient;
GRANT SELECT ON cabinet.reports TO letopis_patient;
GRANT SELECT ON cabinet.linkages TO letopis_patient;
GRANT SELECT ON audit.entries TO letopis_patient;
GRANT SELECT ON delivery.notifications TO letopis_patient;
GRANT SELECT ON organisations.linkages TO letopis_patient;
GRANT SELECT ON organisations.cards TO letopis_patient;
GRANT SELECT ON study_requests.requests TO letopis_patient;
GRANT SELECT ON obligations.obligations TO letopis_patient;
GRANT SELECT ON appeals.appeals TO letopis_patient;
GRANT SELECT ON guardianship.relations TO letopis_patient;
GRANT SELECT ON cabinet.versions TO letopis_patient;
GRANT SELECT ON cabinet.held_versions TO letopis_patient;
GRANT SELECT ON cabinet.laboratories TO letopis_patient;
GRANT SELECT ON organisations.laboratories TO letopis_patient;

-- migrate:down
REVOKE ALL ON ALL TABLES IN SCHEMA appeals FROM letopis_patient;
REVOKE ALL ON ALL TABLES IN SCHEMA audit FROM letopis_patient;
REVOKE ALL ON ALL TABLES IN SCHEMA cabinet FROM letopis_patient;
REVOKE ALL ON ALL TABLES IN SCHEMA delivery FROM letopis_patient;
REVOKE ALL ON ALL TABLES IN SCHEMA guardianship FROM letopis_patient;
REVOKE ALL ON ALL TABLES IN SCHEMA obligations FROM letopis_patient;
REVOKE ALL ON ALL TABLES IN SCHEMA organisations FROM letopis_patient;
REVOKE ALL ON ALL TABLES IN SCHEMA study_requests FROM letopis_patient;
REVOKE ALL ON SCHEMA ledger, appeals, audit, cabinet, delivery, guardianship, obligations, organisations, study_requests FROM letopis_patient;
DROP POLICY own ON cabinet.reports;
DROP POLICY everybody ON cabinet.reports;
ALTER TABLE cabinet.reports DISABLE ROW LEVEL SECURITY;
DROP POLICY own ON cabinet.linkages;
DROP POLICY everybody ON cabinet.linkages;
ALTER TABLE cabinet.linkages DISABLE ROW LEVEL SECURITY;
DROP POLICY own ON audit.entries;
DROP POLICY everybody ON audit.entries;
ALTER TABLE audit.entries DISABLE ROW LEVEL SECURITY;
DROP POLICY own ON delivery.notifications;
DROP POLICY everybody ON delivery.notifications;
ALTER TABLE delivery.notifications DISABLE ROW LEVEL SECURITY;
DROP POLICY own ON organisations.linkages;
DROP POLICY everybody ON organisations.linkages;
ALTER TABLE organisations.linkages DISABLE ROW LEVEL SECURITY;
DROP POLICY own ON organisations.cards;
DROP POLICY everybody ON organisations.cards;
ALTER TABLE organisations.cards DISABLE ROW LEVEL SECURITY;
DROP POLICY own ON study_requests.requests;
DROP POLICY everybody ON study_requests.requests;
ALTER TABLE study_requests.requests DISABLE ROW LEVEL SECURITY;
DROP POLICY own ON obligations.obligations;
DROP POLICY everybody ON obligations.obligations;
ALTER TABLE obligations.obligations DISABLE ROW LEVEL SECURITY;
DROP POLICY own ON appeals.appeals;
DROP POLICY everybody ON appeals.appeals;
ALTER TABLE appeals.appeals DISABLE ROW LEVEL SECURITY;
DROP POLICY own ON guardianship.relations;
DROP POLICY everybody ON guardianship.relations;
ALTER TABLE guardianship.relations DISABLE ROW LEVEL SECURITY;
DROP POLICY own ON cabinet.versions;
DROP POLICY everybody ON cabinet.versions;
ALTER TABLE cabinet.versions DISABLE ROW LEVEL SECURITY;
DROP POLICY own ON cabinet.held_versions;
DROP POLICY everybody ON cabinet.held_versions;
ALTER TABLE cabinet.held_versions DISABLE ROW LEVEL SECURITY;
DROP FUNCTION ledger.current_patient();

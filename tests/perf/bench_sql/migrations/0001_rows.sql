CREATE TABLE rows (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    body text NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id)
);
ALTER TABLE rows ENABLE ROW LEVEL SECURITY;
ALTER TABLE rows FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON rows
    USING (org_id = current_setting('app.org_id')::uuid) WITH CHECK (org_id = current_setting('app.org_id')::uuid);
GRANT SELECT, INSERT ON rows TO kongsi_app;

-- Organizations, their departments and people. The second policy of a table, where it has one, serves the look-ups that come
-- before the organization is known: an organization by its slug, a person by what was typed to sign in.

CREATE TABLE organizations (
    org_id uuid PRIMARY KEY,
    slug text NOT NULL CONSTRAINT organizations_slug_key UNIQUE,
    name text NOT NULL,
    create_time timestamptz NOT NULL
);
ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE organizations FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON organizations
    USING (org_id = current_setting('app.org_id')::uuid)
    WITH CHECK (org_id = current_setting('app.org_id')::uuid);
CREATE POLICY system ON organizations
    USING (current_setting('app.system', true) = 'on')
    WITH CHECK (current_setting('app.system', true) = 'on');
GRANT SELECT, INSERT, UPDATE ON organizations TO kongsi_app;

CREATE TABLE departments (
    org_id uuid NOT NULL REFERENCES organizations,
    id uuid NOT NULL,
    external_id text NOT NULL,
    name text NOT NULL,
    chinese_name text NOT NULL,
    parent_id uuid, -- NULL: a root
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, parent_id) REFERENCES departments (org_id, id)
);
-- Ids of the company's own records are compared without case: people type them.
CREATE UNIQUE INDEX departments_external_id_key ON departments (org_id, lower(external_id));
-- Names are listed by their first 64 characters, which fit into a page token.
CREATE INDEX departments_name ON departments (org_id, (left(name, 64)) COLLATE "C", id);
ALTER TABLE departments ENABLE ROW LEVEL SECURITY;
ALTER TABLE departments FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON departments
    USING (org_id = current_setting('app.org_id')::uuid)
    WITH CHECK (org_id = current_setting('app.org_id')::uuid);
GRANT SELECT, INSERT, UPDATE ON departments TO kongsi_app;

CREATE TABLE users (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    external_id text NOT NULL,
    legal_name text NOT NULL,
    preferred_name text NOT NULL,
    chinese_name text NOT NULL,
    display_name text NOT NULL CHECK (octet_length(display_name) <= 255), -- fits into a page token
    work_email text NOT NULL,
    mobile text NOT NULL,
    title text NOT NULL,
    department_id uuid,
    manager_id uuid, -- NULL: nobody
    worker_type text NOT NULL,
    weekly_minutes integer NOT NULL,
    location text NOT NULL,
    hire_date date,
    preferred_language text NOT NULL,
    status smallint NOT NULL CHECK (status BETWEEN 1 AND 4), -- kongsi.identity.v1.UserStatus
    role smallint NOT NULL CHECK (role BETWEEN 1 AND 2),     -- kongsi.identity.v1.UserRole
    avatar_etag text NOT NULL DEFAULT '',
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, department_id) REFERENCES departments (org_id, id),
    FOREIGN KEY (org_id, manager_id) REFERENCES users (org_id, id)
);
CREATE UNIQUE INDEX users_external_id_key ON users (org_id, lower(external_id));
CREATE INDEX users_display_name ON users (org_id, display_name COLLATE "C", id);
CREATE INDEX users_department ON users (org_id, department_id);
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON users
    USING (org_id = current_setting('app.org_id')::uuid)
    WITH CHECK (org_id = current_setting('app.org_id')::uuid);
GRANT SELECT, INSERT, UPDATE ON users TO kongsi_app;

-- What people may type to sign in, normalised as identifier.h says. One person each within an organization. Those who have left
-- have none, so that a number or an address can go to somebody else.
CREATE TABLE login_identifiers (
    org_id uuid NOT NULL,
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 3), -- enum identifier_kind: external_id, email, mobile
    value text NOT NULL,
    user_id uuid NOT NULL,
    PRIMARY KEY (org_id, kind, value),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
);
CREATE INDEX login_identifiers_value ON login_identifiers (kind, value);
CREATE INDEX login_identifiers_user ON login_identifiers (org_id, user_id);
ALTER TABLE login_identifiers ENABLE ROW LEVEL SECURITY;
ALTER TABLE login_identifiers FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON login_identifiers
    USING (org_id = current_setting('app.org_id')::uuid)
    WITH CHECK (org_id = current_setting('app.org_id')::uuid);
CREATE POLICY system ON login_identifiers FOR SELECT
    USING (current_setting('app.system', true) = 'on');
GRANT SELECT, INSERT, DELETE ON login_identifiers TO kongsi_app;

-- Answers of methods that take a request_id. Those of operators, outside of any organization, stand under the nil id.
CREATE TABLE requests (
    org_id uuid NOT NULL,
    request_id uuid NOT NULL,
    content_hash bytea NOT NULL, -- of the request with its type; another content under the same id is refused
    response bytea NOT NULL,     -- packed
    create_time timestamptz NOT NULL,
    PRIMARY KEY (org_id, request_id)
);
CREATE INDEX requests_create_time ON requests (org_id, create_time);
ALTER TABLE requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE requests FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON requests
    USING (org_id = current_setting('app.org_id')::uuid)
    WITH CHECK (org_id = current_setting('app.org_id')::uuid);
GRANT SELECT, INSERT, DELETE ON requests TO kongsi_app;

-- Called by an import once people are written. Without statistics every index that begins with org_id looks alike to the planner, which
-- then may check each new row's foreign key by reading the whole organization; autovacuum comes a minute too late for that.
CREATE FUNCTION analyze_directory() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    ANALYZE departments, users;
END
$$;
REVOKE ALL ON FUNCTION analyze_directory() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION analyze_directory() TO kongsi_app;

-- Passwords, sessions, invitations, pictures.

CREATE TABLE credentials (
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    password_hash text NOT NULL, -- Argon2id in its own text form, with salt and cost
    update_time timestamptz NOT NULL,
    PRIMARY KEY (org_id, user_id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
);
ALTER TABLE credentials ENABLE ROW LEVEL SECURITY;
ALTER TABLE credentials FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON credentials
    USING (org_id = current_setting('app.org_id')::uuid)
    WITH CHECK (org_id = current_setting('app.org_id')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON credentials TO kongsi_app;

-- A session is the family of its refresh tokens. They are numbered; which one may be used next is all there is to know, since the
-- token itself carries its number, authenticated (refresh_token.h). So no token, nor a trace of one, is kept.
CREATE TABLE sessions (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    device_name text NOT NULL,
    generation integer NOT NULL,     -- of the refresh token that may be used next
    rotate_time timestamptz NOT NULL, -- when that one was issued
    create_time timestamptz NOT NULL,
    expire_time timestamptz NOT NULL, -- for good, however often it is refreshed
    end_time timestamptz,             -- NULL: still on
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
);
CREATE INDEX sessions_user ON sessions (org_id, user_id);
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON sessions
    USING (org_id = current_setting('app.org_id')::uuid)
    WITH CHECK (org_id = current_setting('app.org_id')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO kongsi_app;

-- One invitation a person at most: a new one takes the place of the old one.
CREATE TABLE invitations (
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    token_hash bytea NOT NULL, -- SHA-256
    create_time timestamptz NOT NULL,
    expire_time timestamptz NOT NULL,
    PRIMARY KEY (org_id, user_id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
);
CREATE UNIQUE INDEX invitations_token_hash_key ON invitations (org_id, token_hash);
ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitations FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON invitations
    USING (org_id = current_setting('app.org_id')::uuid)
    WITH CHECK (org_id = current_setting('app.org_id')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON invitations TO kongsi_app;

CREATE TABLE avatars (
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    etag text NOT NULL,       -- SHA-256 of the picture, in hex
    media_type text NOT NULL, -- "image/png"
    size_bytes integer NOT NULL,
    file_name text NOT NULL,  -- below avatar_dir; each upload its own
    create_time timestamptz NOT NULL,
    PRIMARY KEY (org_id, user_id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
);
ALTER TABLE avatars ENABLE ROW LEVEL SECURITY;
ALTER TABLE avatars FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON avatars
    USING (org_id = current_setting('app.org_id')::uuid)
    WITH CHECK (org_id = current_setting('app.org_id')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON avatars TO kongsi_app;

-- What the tests of libshared/db keep.
CREATE TABLE notes (
    org_id uuid NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    author text NOT NULL,
    body text NOT NULL CONSTRAINT notes_body_short CHECK (length(body) <= 100),
    PRIMARY KEY (org_id, id),
    CONSTRAINT notes_author_body_unique UNIQUE (org_id, author, body)
);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON notes
    USING (org_id = current_setting('app.org_id')::uuid) WITH CHECK (org_id = current_setting('app.org_id')::uuid);
CREATE POLICY system ON notes USING (current_setting('app.system', true) = 'on');
GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO kongsi_app;

CREATE TABLE note_likes (
    org_id uuid NOT NULL,
    note_id bigint NOT NULL,
    CONSTRAINT note_likes_note FOREIGN KEY (org_id, note_id) REFERENCES notes DEFERRABLE INITIALLY DEFERRED
);
ALTER TABLE note_likes ENABLE ROW LEVEL SECURITY;
ALTER TABLE note_likes FORCE ROW LEVEL SECURITY;
CREATE POLICY org ON note_likes
    USING (org_id = current_setting('app.org_id')::uuid) WITH CHECK (org_id = current_setting('app.org_id')::uuid);
GRANT SELECT, INSERT ON note_likes TO kongsi_app;

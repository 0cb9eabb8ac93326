-- Statements for the tests of libshared/db.

-- name: note_insert :one
INSERT INTO notes (org_id, author, body) VALUES ($1::uuid, $2::text, $3::text) RETURNING id;

-- name: note_insert_batch :many
INSERT INTO notes (org_id, author, body) SELECT $1::uuid, author, body FROM unnest($2::text[], $3::text[]) AS n (author, body)
RETURNING id;

-- name: note_add :exec
INSERT INTO notes (org_id, author, body) VALUES ($1::uuid, $2::text, $3::text);

-- name: note_count :one
SELECT count(*) FROM notes;

-- name: note_find :maybe
SELECT id, body FROM notes WHERE author = $1::text;

-- name: note_get :one
SELECT id, body FROM notes WHERE author = $1::text;

-- name: note_list :many
SELECT id, body FROM notes ORDER BY id;

-- name: note_delete :exec
DELETE FROM notes;

-- name: note_update :exec
UPDATE notes SET body = $2::text WHERE author = $1::text;

-- name: like_add :exec
INSERT INTO note_likes (org_id, note_id) VALUES ($1::uuid, $2::bigint);

-- name: sleep :exec
SELECT pg_sleep($1::float8);

-- name: backend :one
SELECT pg_backend_pid();

-- name: many_rows :many
SELECT generate_series(1, $1::int);

-- name: raise :exec
-- Answers whatever SQLSTATE it is told.
SELECT raise_sqlstate($1::text);

-- name: scalars :one
SELECT $1::uuid, $2::text, $3::bytea, $4::int, $5::bigint, $6::bool, $7::timestamptz, $8::smallint, $9::date::text AS day;

-- name: arrays :one
SELECT array_to_string($1::uuid[], ','), array_to_string($2::text[], ',', 'NULL'), array_to_string($3::bigint[], ','),
    array_to_string($4::int[], ','), array_to_string($5::bytea[], ','), array_to_string($6::timestamptz[], ','),
    array_to_string($7::bool[], ','), cardinality($1::uuid[]);

-- name: slow_commit_add :exec
INSERT INTO slow_commits (org_id, seconds) VALUES ($1::uuid, $2::float8);

-- name: echo :one
SELECT $1::text || '';

-- name: no_time_limit :exec
SELECT set_config('statement_timeout', '0', true);

-- name: credential_get :maybe
SELECT c.password_hash, u.status, u.role
FROM users u JOIN credentials c ON c.org_id = u.org_id AND c.user_id = u.id
WHERE u.org_id = $1::uuid AND u.id = $2::uuid;

-- name: credential_put :exec
INSERT INTO credentials (org_id, user_id, password_hash, update_time)
VALUES ($1::uuid, $2::uuid, $3::text, $4::timestamptz)
ON CONFLICT (org_id, user_id) DO UPDATE SET password_hash = excluded.password_hash, update_time = excluded.update_time;

-- name: credential_insert_many :exec
-- The same password for all of them: only with identity.development_password.
INSERT INTO credentials (org_id, user_id, password_hash, update_time)
SELECT $1::uuid, n.user_id, $3::text, $4::timestamptz FROM unnest($2::uuid[]) AS n (user_id);

-- name: credential_delete_of_users :exec
DELETE FROM credentials WHERE org_id = $1::uuid AND user_id = ANY ($2::uuid[]);

-- name: session_insert :maybe
-- Only for an active person: no row when the status has changed meanwhile.
INSERT INTO sessions (org_id, id, user_id, device_name, generation, rotate_time, create_time, expire_time)
SELECT u.org_id, $2::uuid, u.id, $4::text, 1, $5::timestamptz, $5, $6::timestamptz
FROM users u WHERE u.org_id = $1::uuid AND u.id = $3::uuid AND u.status = 2
FOR SHARE OF u
RETURNING id;

-- name: session_lock :maybe
SELECT s.user_id, s.generation, s.rotate_time, s.expire_time, s.end_time IS NOT NULL AS ended, u.status, u.role
FROM sessions s JOIN users u ON u.org_id = s.org_id AND u.id = s.user_id
WHERE s.org_id = $1::uuid AND s.id = $2::uuid
FOR UPDATE OF s;

-- name: session_rotate :exec
UPDATE sessions SET generation = $3::int, rotate_time = $4::timestamptz WHERE org_id = $1::uuid AND id = $2::uuid;

-- name: session_end :maybe
UPDATE sessions SET end_time = $3::timestamptz
WHERE org_id = $1::uuid AND id = $2::uuid AND end_time IS NULL
RETURNING id, user_id;

-- name: session_end_of_users :many
UPDATE sessions SET end_time = $3::timestamptz
WHERE org_id = $1::uuid AND user_id = ANY ($2::uuid[]) AND end_time IS NULL AND expire_time > $3
RETURNING id, user_id;

-- name: session_delete_old :exec
DELETE FROM sessions
WHERE org_id = $1::uuid AND user_id = $2::uuid AND (end_time < $3::timestamptz OR expire_time < $3);

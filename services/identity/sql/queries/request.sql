-- name: request_claim :maybe
-- Waits for another transaction that answers the same request; no row: it has been answered.
INSERT INTO requests (org_id, request_id, content_hash, response, create_time)
VALUES ($1::uuid, $2::uuid, $3::bytea, $4::bytea, $5::timestamptz)
ON CONFLICT (org_id, request_id) DO NOTHING
RETURNING request_id;

-- name: request_get :one
SELECT content_hash, response FROM requests WHERE org_id = $1::uuid AND request_id = $2::uuid;

-- name: request_delete_old :exec
DELETE FROM requests WHERE org_id = $1::uuid AND create_time < $2::timestamptz;

-- name: avatar_get :maybe
SELECT etag, media_type, size_bytes, file_name FROM avatars WHERE org_id = $1::uuid AND user_id = $2::uuid;

-- name: avatar_insert :exec
INSERT INTO avatars (org_id, user_id, etag, media_type, size_bytes, file_name, create_time)
VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::int, $6::text, $7::timestamptz);

-- name: avatar_delete :maybe
DELETE FROM avatars WHERE org_id = $1::uuid AND user_id = $2::uuid RETURNING file_name;

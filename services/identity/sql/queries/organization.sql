-- name: organization_insert :exec
INSERT INTO organizations (org_id, slug, name, create_time)
VALUES ($1::uuid, $2::text, $3::text, $4::timestamptz);

-- name: organization_get :maybe
SELECT org_id, slug, name, create_time FROM organizations WHERE org_id = $1::uuid;

-- name: organization_get_by_slug :maybe
SELECT org_id, slug, name, create_time FROM organizations WHERE slug = $1::text;

-- name: organization_lock :maybe
-- One import of an organization at a time.
SELECT org_id FROM organizations WHERE org_id = $1::uuid FOR NO KEY UPDATE;

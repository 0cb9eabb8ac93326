/* Which paths are raw routes, and whose: from the schemas' raw_routes.openapi.json, generated at build. */
#pragma once

/* The component that streams this method and path itself; NULL: none. `path` is raw, without the query. */
const char *raw_routes_find(const char *method, const char *path);

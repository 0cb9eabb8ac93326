/* The readable page at /api: the OpenAPI document for people, made by the page itself, without a call outside. */
#pragma once

#include "services/gateway/static.h"

ERR_RESULT struct err *api_page_add(struct static_site *site);

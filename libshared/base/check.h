/* check(x): aborts in every build when our own code is wrong. Never for input. */
#pragma once

__attribute__((noreturn)) void check_failed(const char *condition, const char *file, int line);

#define check(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

// Whether two secrets are the same.
#ifndef TIMESALE_SECRETS_H
#define TIMESALE_SECRETS_H

#include <stdbool.h>
#include <stddef.h>

// In a time that depends on `count` alone: every byte of both is read, and no branch depends on one. Since the reads
// are volatile no compiler may leave any out or end them early. The one comparison of tokens in engine and sidecar;
// Tests/FaultTests/SecretTests.swift has memcheck follow each byte through it.
static inline bool ts_is_same_secret(const void *secret, const void *given, size_t count) {
    const volatile unsigned char *p = (const volatile unsigned char *)secret;
    const volatile unsigned char *q = (const volatile unsigned char *)given;
    unsigned char difference = 0;
    for (size_t index = 0; index < count; index++) difference |= p[index] ^ q[index];
    return difference == 0;
}

#endif

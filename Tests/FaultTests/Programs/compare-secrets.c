// Runs one comparison of two secrets under valgrind's memcheck, which follows every bit that was never written and tells of
// each branch that depends on one. The secrets are such bits: so it tells of a comparison that ends early or goes different ways,
// whatever the time it takes.
//
//     valgrind --error-exitcode=1 compare-secrets          the comparison of all our programs: nothing to tell
//     valgrind --error-exitcode=1 compare-secrets early    one that ends at the first difference, to see that it would be told
//     compare-secrets differences                          for each byte alone: a difference in it is found
#include "secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { size = 79 };

static bool is_same_early(const unsigned char *p, const unsigned char *q) {
    for (int index = 0; index < size; index++)
        if (p[index] != q[index]) return false;
    return true;
}

int main(int argument_count, char **arguments) {
    const char *what = argument_count > 1 ? arguments[1] : "";
    unsigned char *secret = malloc(size), *given = malloc(size);
    if (!secret || !given) return 2;
    if (!strcmp(what, "differences")) {
        memset(secret, 7, size);
        memcpy(given, secret, size);
        if (!ts_is_same_secret(secret, given, size)) return 1;
        for (int index = 0; index < size; index++)
            for (int bit = 0; bit < 8; bit++) {
                given[index] ^= 1 << bit;
                if (ts_is_same_secret(secret, given, size)) return 1;
                given[index] ^= 1 << bit;
            }
        puts("each");
        return 0;
    }
    // Kept, and never looked at: a branch on the answer is the caller's business.
    volatile bool answer = strcmp(what, "early") ? ts_is_same_secret(secret, given, size) : is_same_early(secret, given);
    (void)answer;
    puts("compared");
    return 0;
}

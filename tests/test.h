/* test.h: the smallest harness. A test program ends with `return test_end();`: 0 pass, 1 a check
 * failed, 99 no check ran; TEST_SKIP ends it with 77 and a message. */
#ifndef FCS_TEST_H
#define FCS_TEST_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int test_checks, test_failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        test_checks++;                                                                             \
        if (!(condition)) {                                                                        \
            test_failures++;                                                                       \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);                \
        }                                                                                          \
    } while (0)

/* Fails on NaN as well. */
#define CHECK_NEAR(got, want, tolerance)                                                           \
    do {                                                                                           \
        double got_ = (double)(got), want_ = (double)(want);                                       \
        test_checks++;                                                                             \
        if (!(fabs(got_ - want_) <= (double)(tolerance))) {                                        \
            test_failures++;                                                                       \
            fprintf(stderr, "%s:%d: failed: %s is %.9g, not %.9g\n", __FILE__, __LINE__, #got,     \
                    got_, want_);                                                                  \
        }                                                                                          \
    } while (0)

#define TEST_SKIP(...)                                                                             \
    do {                                                                                           \
        printf("skipped: ");                                                                       \
        printf(__VA_ARGS__);                                                                       \
        printf("\n");                                                                              \
        exit(77);                                                                                  \
    } while (0)

static int test_end(void)
{
    printf("%d checks, %d failed\n", test_checks, test_failures);
    return test_checks == 0 ? 99 : test_failures ? 1 : 0;
}

#endif

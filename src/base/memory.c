/* memory.c: allocation with messages. */
#define _DEFAULT_SOURCE /* madvise: systems that do not know it hide it */
#include "base/base.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void *fail(fcs_error *e, size_t bytes)
{
    fcs_fail(e, FCS_FAILED, "out of memory: %.1f MiB could not be had; use a smaller size or batch",
             (double)bytes / 1048576);
    return NULL;
}

void fcs_count_memory(fcs_context *ctx, int64_t bytes)
{
    ctx->allocated += (uint64_t)bytes;
    if (ctx->allocated > ctx->allocated_most)
        ctx->allocated_most = ctx->allocated;
}

/* Asks for large pages: one fault where there were hundreds, and more memory within reach of the
 * caches of addresses. */
static void ask_large_pages(void *p, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    const size_t page = (size_t)1 << 21;
    size_t before = (page - (uintptr_t)p % page) % page;
    if (bytes >= 2 * page)
        madvise((char *)p + before, (bytes - before) / page * page, MADV_HUGEPAGE);
#else
    (void)p, (void)bytes;
#endif
}

void *fcs_alloc(fcs_error *e, size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);
    if (!p)
        return fail(e, bytes);
    ask_large_pages(p, bytes);
    return p;
}

void *fcs_alloc_array(fcs_error *e, size_t n, size_t size)
{
    if (size && n > SIZE_MAX / size)
        return fail(e, SIZE_MAX);
    return fcs_alloc(e, n * size);
}

void *fcs_alloc_aligned(fcs_error *e, size_t bytes)
{
    void *p = NULL;
    if (bytes > SIZE_MAX - 64 || posix_memalign(&p, 64, bytes ? (bytes + 63) / 64 * 64 : 64))
        return fail(e, bytes);
    ask_large_pages(p, bytes);
    return p;
}

bool fcs_grow(fcs_error *e, void *array_pointer, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity)
        return true;
    size_t n = *capacity ? *capacity : 8;
    while (n < need) {
        if (n > SIZE_MAX / 2)
            return fail(e, SIZE_MAX) != NULL;
        n *= 2;
    }
    if (size && n > SIZE_MAX / size)
        return fail(e, SIZE_MAX) != NULL;
    void *old;
    memcpy(&old, array_pointer, sizeof old);
    void *p = realloc(old, n * size);
    if (!p)
        return fail(e, n * size) != NULL;
    memset((char *)p + *capacity * size, 0, (n - *capacity) * size);
    memcpy(array_pointer, &p, sizeof p);
    *capacity = n;
    return true;
}

/* fuzz_safetensors.c: mutated files into the reader. `fuzz_safetensors [SECONDS [SEED]]`; a second
 * by default, for `make check`; build with -fsanitize=address,undefined to make it a search. A
 * crash is the failure it looks for. */
#include "train/safetensors.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t state;

static uint64_t next(void)
{
    state ^= state << 13; /* Marsaglia's xorshift64 */
    state ^= state >> 7;
    return state ^= state << 17;
}

static size_t below(size_t n) { return n ? (size_t)(next() % n) : 0; }

static const char *const words[] = {
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "-1",
    "0",
    "99999999999999999999",
    "4294967296",
    "1e9",
    "null",
    "\\u0000",
    "\"F32\"",
    "\"I64\"",
    "\"U8\"",
    "\"F16\"",
    "\"dtype\"",
    "\"shape\"",
    "\"data_offsets\"",
    "\"__metadata__\"",
    "\xff",
    "9223372036854775807",
    "true",
    "[[[[[[[[",
};

/* One mutation of n bytes; room for 64 more. */
static size_t mutate(unsigned char *b, size_t n)
{
    size_t at = below(n + 1), k;
    const char *word = words[below(sizeof words / sizeof *words)];
    switch (below(6)) {
    case 0: return at; /* truncate */
    case 1:
        if (at < n)
            b[at] ^= (unsigned char)(1u << below(8));
        return n;
    case 2:
        if (at < n)
            b[at] = (unsigned char)next();
        return n;
    case 3: /* a word of the format over what is there */
        k = strlen(word);
        if (at + k <= n)
            memcpy(b + at, word, k);
        return n;
    case 4: /* a word between; the header's length goes along */
        k = strlen(word);
        memmove(b + at + k, b + at, n - at);
        memcpy(b + at, word, k);
        if (n >= 8)
            b[0] = (unsigned char)(b[0] + k);
        return n + k;
    default: /* the first bytes: the header's length */
        if (n)
            b[below(n < 8 ? n : 8)] = (unsigned char)next();
        return n;
    }
}

static int try_file(const char *path)
{
    fcs_error e = {0};
    fcs_safetensors *st;
    if (fcs_safetensors_open(&e, path, &st))
        return e.message[0] ? 0 : -1;
    for (int i = 0; i < st->n; i++) {
        const fcs_st_tensor *t = &st->tensors[i];
        size_t bytes = (size_t)(t->end - t->begin);
        void *values = malloc(bytes + 1);
        if (values && fcs_safetensors_read(&e, st, t, values))
            fprintf(stderr, "unread: %s\n", e.message);
        free(values);
    }
    fcs_safetensors_close(st);
    return 1;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 1;
    const char *top = getenv("top_srcdir");
    char source[512], path[64];
    unsigned char *bytes, *work;
    size_t n = 0, sound = 0, files = 0;
    fcs_error e = {0};
    state = argc > 2 ? strtoull(argv[2], NULL, 10) * 2654435769u + 1 : 88172645463325252u;
    snprintf(source, sizeof source, "%s/tests/data/python.safetensors", top ? top : ".");
    snprintf(path, sizeof path, "fuzz-safetensors-%ld.tmp", (long)getpid());
    bytes = (unsigned char *)fcs_file_read(&e, source, 1 << 20, &n);
    work = malloc(n + 4096);
    if (!bytes || !work) {
        fprintf(stderr, "%s\n", e.message);
        return 1;
    }
    for (double end = fcs_seconds() + seconds; fcs_seconds() < end; files++) {
        size_t m = n;
        memcpy(work, bytes, n);
        for (size_t k = below(6) + 1; k > 0; k--)
            m = mutate(work, m);
        FILE *f = fopen(path, "wb");
        if (!f || fwrite(work, 1, m, f) != m || fclose(f))
            return 1;
        int s = try_file(path);
        if (s < 0) {
            fprintf(stderr, "a failure without a message: see %s\n", path);
            return 1;
        }
        sound += s == 1;
    }
    unlink(path);
    free(bytes);
    free(work);
    printf("%zu files, %zu of them still sound\n", files, sound);
    return files > 0 && sound < files ? 0 : 1;
}

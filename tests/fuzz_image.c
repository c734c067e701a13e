/* fuzz_image.c: damages the fixtures in many ways and reads them: no crash, no leak, a message for
 * every failure. fuzz_image [SECONDS [SEED]]: 500 files, then on until the time is over;
 * FACIES_FUZZ_SECONDS sets it where no argument does. The file being read stays behind when the
 * program dies. */
#include "image/image.h"
#include "test.h"
#include <dirent.h>
#include <string.h>
#include <unistd.h>

enum { FILES_MAX = 100, BYTES_MAX = 1 << 16 };

typedef struct sample {
    char *bytes;
    size_t n;
} sample;
static fcs_context ctx;
static sample samples[FILES_MAX];
static int n_samples;
static uint64_t seed, draws;

static size_t below(size_t n) { return (size_t)fcs_random_below(seed, 0, 0, draws++, (int64_t)n); }

static void load(const char *name)
{
    const char *source = getenv("srcdir");
    char folder[1000], path[2000];
    snprintf(folder, sizeof folder, "%s/tests/data/%s", source ? source : ".", name);
    DIR *d = opendir(folder);
    struct dirent *entry;
    while (d && (entry = readdir(d)) != NULL && n_samples < FILES_MAX) {
        if (entry->d_name[0] == '.' || strstr(entry->d_name, ".md"))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        sample *s = &samples[n_samples];
        s->bytes = fcs_file_read(&ctx.error, path, BYTES_MAX / 2, &s->n);
        n_samples += s->bytes != NULL;
    }
    if (d)
        closedir(d);
}

static void put_number(unsigned char *at, size_t bytes, uint64_t v, bool big)
{
    for (size_t i = 0; i < bytes; i++)
        at[big ? bytes - 1 - i : i] = (unsigned char)(v >> (8 * i));
}

/* One change of b[0..n): bits, bytes, numbers of either order, cuts, copied and doubled pieces.
 * Returns the new length. */
static size_t damage(unsigned char *b, size_t n)
{
    static const uint64_t odd[] = {0,
                                   1,
                                   2,
                                   3,
                                   7,
                                   8,
                                   255,
                                   256,
                                   32767,
                                   65535,
                                   65536,
                                   0x7fffffff,
                                   0x80000000,
                                   0xffffffff,
                                   0x100000000,
                                   0x7fffffffffffffff,
                                   0xffffffffffffffff};
    size_t at = below(n), length = 1 + below(16), from = below(n);
    size_t width = (size_t)1 << below(4);
    switch (below(7)) {
    case 0: b[at] ^= (unsigned char)(1u << below(8)); return n;
    case 1: b[at] = (unsigned char)below(256); return n;
    case 2:
        if (at + width <= n)
            put_number(b + at, width, odd[below(sizeof odd / sizeof *odd)], below(2));
        return n;
    case 3: return at + 1;
    case 4:
        length = length < n - at ? length : n - at;
        length = length < n - from ? length : n - from;
        memmove(b + at, b + from, length);
        return n;
    case 5:
        if (n + length > BYTES_MAX)
            return n;
        memmove(b + at + length, b + at, n - at);
        return n + length;
    default:
        if (at + width <= n)
            put_number(b + at, width, b[at] + below(9) - 4, below(2));
        return n;
    }
}

/* PNG checks each chunk's sum; without a repaired one nothing behind it is reached. */
static uint32_t crc32_of(const unsigned char *b, size_t n)
{
    uint32_t c = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        c ^= b[i];
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
    }
    return ~c;
}

static void repair_sums(unsigned char *b, size_t n)
{
    size_t at = 8;
    while (n >= 20 && at <= n - 12) {
        size_t length =
            (size_t)b[at] << 24 | (size_t)b[at + 1] << 16 | (size_t)b[at + 2] << 8 | b[at + 3];
        if (length > n - at - 12)
            return;
        put_number(b + at + 8 + length, 4, crc32_of(b + at + 4, length + 4), true);
        at += 12 + length;
    }
}

static void try_one(const char *path)
{
    static unsigned char b[BYTES_MAX];
    const sample *s = &samples[below((size_t)n_samples)];
    size_t n = s->n, changes = 1 + below(6);
    memcpy(b, s->bytes, n);
    for (size_t i = 0; i < changes && n > 0; i++)
        n = damage(b, n);
    if (below(8))
        repair_sums(b, n);
    FILE *f = fopen(path, "wb");
    bool written = f && fwrite(b, 1, n, f) == n;
    written = f && fclose(f) == 0 && written;
    CHECK(written);
    if (!written)
        return;
    static const char *const phases[] = {NULL, "auto", "3", "60,"};
    fcs_dataset_options o = {.width = 2,
                             .height = 2,
                             .depth = 1 + (int64_t)below(2),
                             .low = -1,
                             .high = 1,
                             .flip_x = true,
                             .flip_y = true,
                             .rotate = true};
    if (o.depth == 1 && below(2))
        o.fitting.tile = 1 + (int64_t)below(3);
    else if (o.depth == 1)
        o.fitting.fit = (fcs_fit)below(3);
    o.phases = phases[below(4)];
    fcs_dataset *data = NULL;
    fcs_look look;
    fcs_status status = fcs_dataset_open(&ctx, path, &o, &data);
    CHECK(status == FCS_OK
              ? data != NULL
              : data == NULL && fcs_message(&ctx)[0] && !strchr(fcs_message(&ctx), '\n'));
    if (data) {
        float crop[2 * 2 * 2 * FCS_PHASES_MAX];
        fcs_dataset_crop(data, seed, 0, draws, crop);
        for (int i = 0; i < fcs_dataset_channels(data) * 4 * (int)o.depth; i++)
            CHECK(crop[i] >= -1.001f && crop[i] <= 1.001f);
        CHECK(fcs_look_at(&ctx, path, &look) == FCS_OK && look.problem[0] == 0);
    }
    fcs_dataset_free(data);
}

int main(int argc, char **argv)
{
    const char *wanted = argc > 1 ? argv[1] : getenv("FACIES_FUZZ_SECONDS");
    double seconds = wanted ? strtod(wanted, NULL) : 0, start = fcs_seconds();
    char path[64];
    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    snprintf(path, sizeof path, "fuzz_image.%ld.tmp", (long)getpid());
    load("images");
    load("volumes");
    CHECK(n_samples >= 55);
    long done = 0;
    while (n_samples && (done < 500 || (wanted && fcs_seconds() - start < seconds))) {
        try_one(path);
        done++;
    }
    printf("seed %llu: %ld damaged files read\n", (unsigned long long)seed, done);
    unlink(path);
    for (int i = 0; i < n_samples; i++)
        free(samples[i].bytes);
    return test_end();
}

/* test_cache.c: what is kept of a device: read as it was written, under its key only, and nothing
 * of files that were damaged in any way. */
#include "opencl/opencl.h"
#include "test.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

enum { BYTES = 300, MOST = 1200 };

static void make_devices(fcs_context *ctx, fcs_cl cl[2])
{
    cl[0] = (fcs_cl){.ctx = ctx, .name = "a device", .driver = "platform, version 1"};
    cl[1] = (fcs_cl){.ctx = ctx, .name = "a device", .driver = "platform, version 2"};
}

static bool holds(const fcs_cl *cl, const char *kind, const char *key, const unsigned char *want)
{
    size_t n = 0;
    char *found = fcs_cl_cache_read(cl, kind, key, &n);
    bool same = found && n == BYTES && !memcmp(found, want, BYTES);
    CHECK(!found || same);
    free(found);
    return same;
}

static void test_keys(fcs_cl cl[2], const unsigned char *data)
{
    unsigned char other[BYTES] = {1, 2, 3};
    CHECK(!holds(&cl[0], "program", "key", data));
    fcs_cl_cache_write(&cl[0], "program", "key", data, BYTES);
    CHECK(holds(&cl[0], "program", "key", data));
    CHECK(!holds(&cl[0], "program", "another key", data));
    CHECK(!holds(&cl[0], "verdict", "key", data));
    CHECK(!holds(&cl[1], "program", "key", data));
    fcs_cl_cache_write(&cl[1], "program", "key", other, BYTES);
    CHECK(holds(&cl[1], "program", "key", other) && holds(&cl[0], "program", "key", data));
    fcs_cl_cache_write(&cl[0], "program", "key", other, BYTES);
    CHECK(holds(&cl[0], "program", "key", other));
    fcs_cl_cache_write(&cl[0], "program", "key", data, BYTES);
}

static size_t file_bytes(const char *path, unsigned char *bytes, size_t write)
{
    FILE *f = fopen(path, write ? "wb" : "rb");
    CHECK(f != NULL);
    if (!f)
        return 0;
    size_t n = write ? fwrite(bytes, 1, write, f) : fread(bytes, 1, MOST, f);
    fclose(f);
    return n;
}

static size_t draw(int number, int *next, size_t below)
{
    return (size_t)fcs_random_below(1, (uint64_t)number, 5, (uint64_t)(*next)++, (int64_t)below);
}

/* One to four changes: a bit, a cut, a letter of the first line, a byte more. */
static size_t damage(unsigned char *bytes, size_t n, int number)
{
    static const char letters[] = "0123456789abcdef\n -";
    int next = 0;
    for (size_t edits = draw(number, &next, 4) + 1; edits > 0; edits--) {
        size_t kind = draw(number, &next, 4), at = draw(number, &next, kind ? 40 : n);
        size_t value = draw(number, &next, 256);
        if (kind == 0)
            bytes[at] ^= (unsigned char)(1 << value % 8);
        else if (kind == 1)
            n = draw(number, &next, n) + 1;
        else if (kind == 2)
            bytes[at] = (unsigned char)letters[value % 19];
        else
            bytes[n++] = (unsigned char)value;
    }
    return n;
}

static void test_damage(const fcs_cl *cl, const char *path, const unsigned char *data)
{
    unsigned char good[MOST] = {0}, bad[MOST] = {0};
    size_t n = file_bytes(path, good, 0);
    int refused = 0;
    for (int i = 0; i < 3000; i++) {
        memcpy(bad, good, sizeof bad);
        size_t m = damage(bad, n, i);
        file_bytes(path, bad, m);
        if (m == n && !memcmp(bad, good, n))
            CHECK(holds(cl, "program", "key", data)); /* changed and changed back */
        else
            refused += !holds(cl, "program", "key", data);
    }
    CHECK(refused > 2900);
    file_bytes(path, good, n);
    CHECK(holds(cl, "program", "key", data));
}

/* The file of the first device: the one that changes when it is written. */
static bool find_file(fcs_cl *cl, const char *folder, const unsigned char *data, char path[512])
{
    DIR *d = opendir(folder);
    bool found = false;
    for (struct dirent *e; d && (e = readdir(d)) && !found;) {
        if (strncmp(e->d_name, "program-", 8) != 0)
            continue;
        snprintf(path, 512, "%s/%.200s", folder, e->d_name);
        unlink(path);
        found = !holds(cl, "program", "key", data);
    }
    if (d)
        closedir(d);
    fcs_cl_cache_write(cl, "program", "key", data, BYTES);
    return found;
}

static void remove_folder(const char *folder)
{
    DIR *d = opendir(folder);
    char path[512];
    for (struct dirent *e; d && (e = readdir(d));) {
        snprintf(path, sizeof path, "%s/%.200s", folder, e->d_name);
        unlink(path); /* not . and .., which are folders */
    }
    if (d)
        closedir(d);
    rmdir(folder);
}

static int notes;
static void count(void *user, const char *line)
{
    (void)user;
    notes += strstr(line, "nothing is kept") != NULL;
}

int main(void)
{
    fcs_context *ctx = NULL;
    const fcs_options o = {.log = count, .threads = 1};
    fcs_cl cl[2];
    unsigned char data[BYTES];
    char work[] = "/tmp/facies-cache.XXXXXX", folder[64], path[512];
    if (fcs_open(&ctx, &o) != FCS_OK || !mkdtemp(work))
        return 99;
    for (int i = 0; i < BYTES; i++)
        data[i] = (unsigned char)(i * 7);
    snprintf(folder, sizeof folder, "%s/facies", work);
    setenv("XDG_CACHE_HOME", work, 1);
    make_devices(ctx, cl);
    test_keys(cl, data);
    bool found = find_file(&cl[0], folder, data, path);
    CHECK(found);
    if (found)
        test_damage(&cl[0], path, data);
    CHECK(notes == 0);
    setenv("XDG_CACHE_HOME", "/dev/null/nowhere", 1);
    CHECK(!holds(&cl[0], "program", "key", data));
    fcs_cl_cache_write(&cl[0], "program", "key", data, BYTES);
    fcs_cl_cache_write(&cl[0], "program", "key", data, BYTES);
    CHECK(notes == 1 && fcs_message(ctx)[0] == '\0');
    fcs_close(ctx);
    remove_folder(folder);
    remove_folder(work);
    return test_end();
}

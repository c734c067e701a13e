/* test_safetensors.c: files written by the Python package, our own round trip, and what must be
 * refused. */
#include "test.h"
#include "train/safetensors.h"
#include <string.h>
#include <unistd.h>

static const char *source_file(const char *name, char path[512])
{
    const char *top = getenv("top_srcdir");
    snprintf(path, 512, "%s/tests/data/%s", top ? top : ".", name);
    return path;
}

/* tests/data/python.safetensors was written by safetensors 0.8.0 for numpy; its values are those of
 * the script in tests/data/README.md. */
static void test_python(void)
{
    fcs_error e = {0};
    fcs_safetensors *st;
    char path[512];
    CHECK(fcs_safetensors_open(&e, source_file("python.safetensors", path), &st) == FCS_OK);
    if (!st)
        return;
    CHECK(st->n == 5 && st->n_meta == 2);
    CHECK(!strcmp(fcs_safetensors_meta(st, "origin"), "python \xc3\xa9"));
    CHECK(!strcmp(fcs_safetensors_meta(st, "step"), "42"));
    CHECK(!fcs_safetensors_meta(st, "nothing") && !fcs_safetensors_find(st, "nothing"));
    const fcs_st_tensor *w = fcs_safetensors_find(st, "generator.up1.weight");
    CHECK(w && w->dtype == FCS_DTYPE_F32 && w->rank == 4 && w->shape[0] == 2 && w->shape[1] == 3 &&
          w->shape[3] == 2);
    float values[24];
    CHECK(fcs_safetensors_read(&e, st, w, values) == FCS_OK);
    for (int i = 0; i < 24; i++)
        CHECK_NEAR(values[i], (i - 11.5) / 4, 0);
    const fcs_st_tensor *counts = fcs_safetensors_find(st, "counts");
    int64_t numbers[4];
    CHECK(counts && counts->dtype == FCS_DTYPE_I64 &&
          !fcs_safetensors_read(&e, st, counts, numbers));
    CHECK(numbers[0] == 1 && numbers[1] == -2 && numbers[2] == INT64_C(1) << 40 && numbers[3] == 7);
    const fcs_st_tensor *flags = fcs_safetensors_find(st, "flags"),
                        *scalar = fcs_safetensors_find(st, "scalar");
    unsigned char bytes[5];
    CHECK(flags && flags->dtype == FCS_DTYPE_U8 && !fcs_safetensors_read(&e, st, flags, bytes) &&
          bytes[1] == 255);
    CHECK(scalar && scalar->rank == 0 && !fcs_safetensors_read(&e, st, scalar, values));
    CHECK_NEAR(values[0], 2.75, 0);
    fcs_safetensors_close(st);

    CHECK(fcs_safetensors_open(&e, source_file("python-f16.safetensors", path), &st) ==
              FCS_FAILED &&
          !st);
    CHECK(strstr(e.message, "F16") && strstr(e.message, "\"h\""));
}

static void test_round_trip(const char *path)
{
    fcs_error e = {0};
    const float x[6] = {1, -2, 3.5f, 1e-30f, -0.0f, 1e30f};
    const int64_t n[1] = {-1234567890123};
    const fcs_st_tensor tensors[] = {
        {.name = "x", .dtype = FCS_DTYPE_F32, .rank = 2, .shape = {2, 3}},
        {.name = "n \"quoted\"", .dtype = FCS_DTYPE_I64, .rank = 1, .shape = {1}},
    };
    const fcs_st_pair meta[] = {{"recipe", "line 1\nline \"2\"\t\\"}, {"bytes", "caf\xe9"}};
    fcs_st_writer *w;
    CHECK(fcs_st_writer_open(&e, path, tensors, 2, meta, 2, &w) == FCS_OK);
    CHECK(access(path, F_OK) != 0); /* nothing under the name before commit */
    CHECK(fcs_st_writer_put(&e, w, x) == FCS_OK && fcs_st_writer_put(&e, w, n) == FCS_OK);
    CHECK(fcs_st_writer_commit(&e, w) == FCS_OK);
    fcs_safetensors *st;
    CHECK(fcs_safetensors_open(&e, path, &st) == FCS_OK);
    if (!st)
        return;
    float y[6];
    int64_t m = 0;
    CHECK(!fcs_safetensors_read(&e, st, fcs_safetensors_find(st, "x"), y) &&
          !memcmp(x, y, sizeof x));
    CHECK(!fcs_safetensors_read(&e, st, fcs_safetensors_find(st, "n \"quoted\""), &m) && m == n[0]);
    CHECK(!strcmp(fcs_safetensors_meta(st, "recipe"), meta[0].value));
    CHECK(!strcmp(fcs_safetensors_meta(st, "bytes"), "caf?"));
    CHECK(st->data % 8 == 0);
    fcs_safetensors_close(st);
    unlink(path);
}

static fcs_status open_bytes(const char *path, const void *bytes, size_t n, fcs_error *e)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f))
        return FCS_OK; /* fails the caller's check */
    memset(e, 0, sizeof *e);
    fcs_safetensors *st = NULL;
    fcs_status s = fcs_safetensors_open(e, path, &st);
    fcs_safetensors_close(st);
    return s;
}

static void test_truncated(const char *path)
{
    char name[512];
    fcs_error e = {0};
    size_t n;
    char *bytes = fcs_file_read(&e, source_file("python.safetensors", name), 1 << 20, &n);
    CHECK(bytes && n > 100);
    if (!bytes)
        return;
    CHECK(open_bytes(path, bytes, n, &e) == FCS_OK);
    for (size_t i = 0; i < n; i++) {
        CHECK(open_bytes(path, bytes, i, &e) == FCS_FAILED);
        CHECK(e.message[0] && !strchr(e.message, '\n'));
    }
    free(bytes);
}

static void test_hostile(const char *path)
{
    static const struct {
        const char *header, *says;
    } cases[] = {
        {"", "JSON"},
        {"[]", "JSON"},
        {" {}", "JSON"},
        {"{", "JSON"},
        {"{\"a\":1}", "not an object"},
        {"{\"a\":{}}", "no dtype"},
        {"{\"a\":{\"dtype\":\"F32\"}}", "no shape"},
        {"{\"a\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[0,2]}}", "BF16"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", "do not agree"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", "counts"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", "counts"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}",
         "too large"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}",
         "8 dimensions"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", "ordered"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", "ordered"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,99999999999999999999]}}",
         "JSON"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", "pair"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}", "behind the end"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", "hole"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", "behind the last"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
         "overlaps"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
         "JSON"},
        {"{\"__metadata__\":{\"a\":1}}", "not a string"},
        {"{\"__metadata__\":[]}", "not an object"},
        {"{\"\xff\":1}", "JSON"},
        {"{\"a\\u0000b\":1}", "JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char file[1024] = {0};
        size_t n = strlen(cases[i].header);
        file[0] = (unsigned char)(n & 255);
        file[1] = (unsigned char)(n >> 8);
        memcpy(file + 8, cases[i].header, n);
        fcs_error e;
        CHECK(open_bytes(path, file, 8 + n + 8, &e) == FCS_FAILED); /* eight bytes of data */
        CHECK(strstr(e.message, cases[i].says) != NULL);
        if (!strstr(e.message, cases[i].says))
            fprintf(stderr, "  case %zu says: %s\n", i, e.message);
    }
    fcs_error e;
    CHECK(open_bytes(path, "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, &e) == FCS_FAILED);
    CHECK(open_bytes(path, "\x10\0\0\0\0\0\0\0{}", 10, &e) == FCS_FAILED &&
          strstr(e.message, "longer than the file"));
    size_t deep = 1 << 20; /* a tower of brackets must not use up the stack */
    char *tower = malloc(deep + 8);
    CHECK(tower != NULL);
    if (tower) {
        memcpy(tower, "\0\0\x10\0\0\0\0\0", 8);
        memset(tower + 8, '[', deep);
        memcpy(tower + 8, "{\"a\":", 5);
        CHECK(open_bytes(path, tower, deep + 8, &e) == FCS_FAILED && strstr(e.message, "JSON"));
        free(tower);
    }
}

int main(void)
{
    char path[64];
    snprintf(path, sizeof path, "test-safetensors-%ld.tmp", (long)getpid());
    test_python();
    test_round_trip(path);
    test_truncated(path);
    test_hostile(path);
    unlink(path);
    return test_end();
}

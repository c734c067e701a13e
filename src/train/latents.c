/* latents.c: images to latents and back: what a run with an encoder makes of given images, and of
 * what lies between them. */
#include "train/run.h"
#include "metrics/metrics.h"
#include "train/safetensors.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SHOWN = 16, SWEEP_STEPS = 7, REPORT_ROWS = 6, REPORT_SEED = 2 };

/* What the functions below share: sizes and the data's range. */
typedef struct coding {
    fcs_run *run;
    fcs_model *m;
    int64_t numbers, pixels, width, height; /* of a latent; of an image, channels included */
    double low, high;
    float range[3]; /* of fcs_pictures_read */
} coding;

static fcs_status coding_of(fcs_run *run, coding *c)
{
    fcs_model *m = run->model;
    *c = (coding){.run = run,
                  .m = m,
                  .numbers = fcs_model_latent_count(m),
                  .width = m->size[2],
                  .height = m->size[1],
                  .pixels = m->channels * m->size[1] * m->size[2],
                  .low = fcs_recipe_number(run->recipe, "data.low"),
                  .high = fcs_recipe_number(run->recipe, "data.high")};
    fcs_error_clear(&run->ctx->error);
    if (m->size[0] > 1 || (m->channels != 1 && m->channels != 3))
        return fcs_fail(&run->ctx->error, FCS_FAILED,
                        "%s: its images are %lld deep with %d channels: latents are shown of grey "
                        "and RGB images",
                        run->folder, (long long)m->size[0], m->channels);
    return m->range ? fcs_tensor_get(m->range, c->range) : FCS_OK;
}

static fcs_status read_all(const coding *c, const char *const *paths, int n, fcs_pictures *p)
{
    /* Of no images: says so where there is no encoder. */
    fcs_status status = fcs_model_encode(c->m, NULL, 0, NULL, NULL, &c->run->ctx->error);
    if (status == FCS_OK && !c->m->range)
        return fcs_fail(&c->run->ctx->error, FCS_FAILED,
                        "%s: it has learned phases; latents are found for images of values",
                        c->run->folder);
    for (int i = 0; i < n && status == FCS_OK; i++)
        status = fcs_pictures_read(c->run->ctx, paths[i], c->width, c->height, c->m->channels,
                                   c->range, p);
    return status;
}

/* Means (and logvars, unless NULL) of the latents of n images in [0,1]. */
static fcs_status encode(const coding *c, const float *images, int n, float *mean, float *logvar)
{
    fcs_error *e = &c->run->ctx->error;
    size_t values = (size_t)(n * c->pixels);
    float *scaled = fcs_alloc_array(e, values, sizeof *scaled);
    if (!scaled)
        return FCS_FAILED;
    for (size_t i = 0; i < values; i++)
        scaled[i] = (float)(c->low + (c->high - c->low) * (double)images[i]);
    fcs_status status = fcs_model_encode(c->m, scaled, n, mean, logvar, e);
    free(scaled);
    return status;
}

/* Images in [0,1]. */
static fcs_status decode(const coding *c, const float *latents, int n, float *images)
{
    fcs_status status = fcs_model_decode(c->m, latents, n, images, &c->run->ctx->error);
    for (int64_t i = 0; i < n * c->pixels && status == FCS_OK; i++)
        images[i] = (float)fmin(fmax(((double)images[i] - c->low) / (c->high - c->low), 0), 1);
    return status;
}

/* One image C H W into a cell of the grid. */
static void put(const coding *c, fcs_image *grid, int64_t column, int64_t row, const float *image)
{
    int channels = c->m->channels;
    int64_t x0 = column * (c->width + FCS_GRID_GAP), y0 = row * (c->height + FCS_GRID_GAP);
    for (int k = 0; k < channels; k++)
        for (int64_t y = 0; y < c->height; y++)
            for (int64_t x = 0; x < c->width; x++)
                ((uint8_t *)grid->data)[((y0 + y) * grid->width + x0 + x) * channels + k] =
                    (uint8_t)(image[(k * c->height + y) * c->width + x] * 255 + 0.5f);
}

static fcs_status new_grid(const coding *c, int64_t columns, int64_t rows, fcs_image **grid)
{
    return fcs_grid_new(c->run->ctx, columns, rows, c->width, c->height, c->m->channels, grid);
}

/* ---- reconstructions ---- */

static double mean_square(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sum / (double)n;
}

static fcs_status show_pairs(const coding *c, const fcs_pictures *p, const float *again,
                             const char *path, fcs_table **out)
{
    static const char *const columns[] = {"image", "mean_square_error"};
    fcs_error *e = &c->run->ctx->error;
    int shown = p->n < MOST_SHOWN ? p->n : MOST_SHOWN;
    fcs_image *grid = NULL;
    fcs_table *t = fcs_table_new(e, columns, 2);
    fcs_status status = t ? new_grid(c, shown, 2, &grid) : FCS_FAILED;
    for (int i = 0; i < p->n && status == FCS_OK; i++) {
        const float *image = p->values + i * c->pixels, *other = again + i * c->pixels;
        if (i < shown) {
            put(c, grid, i, 0, image);
            put(c, grid, i, 1, other);
        }
        status = fcs_table_add(e, t, "sd", p->names[i], mean_square(image, other, c->pixels));
    }
    if (status == FCS_OK && shown < p->n)
        fcs_note(c->run->ctx, "%s: shows the first %d of %d images", path, shown, p->n);
    if (status == FCS_OK)
        status = fcs_image_write(c->run->ctx, grid, path);
    fcs_image_free(grid);
    if (status == FCS_OK)
        *out = t;
    else
        fcs_table_free(t);
    return status;
}

fcs_status fcs_reconstruct(fcs_run *run, const char *const *images, int n, const char *path,
                           fcs_table **out)
{
    coding c;
    fcs_pictures p = {0};
    float *latents = NULL, *again = NULL;
    *out = NULL;
    fcs_status status = coding_of(run, &c);
    if (status == FCS_OK)
        status = read_all(&c, images, n, &p);
    if (status == FCS_OK) {
        latents = fcs_alloc_array(&run->ctx->error, (size_t)(p.n * c.numbers), sizeof *latents);
        again = fcs_alloc_array(&run->ctx->error, (size_t)(p.n * c.pixels), sizeof *again);
        status = latents && again ? encode(&c, p.values, p.n, latents, NULL) : FCS_FAILED;
    }
    if (status == FCS_OK)
        status = decode(&c, latents, p.n, again);
    if (status == FCS_OK)
        status = show_pairs(&c, &p, again, path, out);
    fcs_pictures_free(&p);
    free(latents);
    free(again);
    return status;
}

/* ---- between two images, or seeds ---- */

/* The latent of realization `index` of that seed. */
static void draw(const coding *c, uint64_t seed, int64_t index, float *latent)
{
    fcs_box box = {{0}, {1, fcs_model_latent_width(c->m)}};
    for (int d = 0; d < 3; d++)
        box.hi[FCS_D + d] = c->m->latent_size[d];
    fcs_model_latent(c->m, seed, index, &box, NULL, latent);
}

/* Digits that name no file are a seed: the latent of `facies generate --seed`. */
static fcs_status latent_of(const coding *c, const char *word, float *latent, bool *is_seed)
{
    int64_t seed;
    fcs_pictures p = {0};
    *is_seed = fcs_parse_int64(word, &seed) && seed >= 0;
    if (*is_seed) {
        draw(c, (uint64_t)seed, 0, latent);
        return FCS_OK;
    }
    fcs_status status = read_all(c, &word, 1, &p);
    if (status == FCS_OK)
        status = encode(c, p.values, 1, latent, NULL);
    fcs_pictures_free(&p);
    return status;
}

/* Along the great circle where both ends are draws of N(0, 1), so that lengths between them are
 * those of draws too (White 2016); else along the straight line. */
static void blend(const float *a, const float *b, int64_t n, double t, bool round, float *out)
{
    double aa = 0, bb = 0, ab = 0, wa = 1 - t, wb = t;
    for (int64_t i = 0; i < n; i++) {
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
        ab += (double)a[i] * (double)b[i];
    }
    double cosine = ab / sqrt(aa * bb), angle = acos(fmin(fmax(cosine, -1), 1));
    if (round && sin(angle) > 1e-6) {
        wa = sin((1 - t) * angle) / sin(angle);
        wb = sin(t * angle) / sin(angle);
    }
    for (int64_t i = 0; i < n; i++)
        out[i] = (float)(wa * (double)a[i] + wb * (double)b[i]);
}

static fcs_status make_strip(const coding *c, const float *latents, int columns, int rows,
                             fcs_image **grid)
{
    int n = columns * rows;
    float *images = fcs_alloc_array(&c->run->ctx->error, (size_t)(n * c->pixels), sizeof *images);
    fcs_status status = images ? decode(c, latents, n, images) : FCS_FAILED;
    if (status == FCS_OK)
        status = new_grid(c, columns, rows, grid);
    for (int i = 0; i < n && status == FCS_OK; i++)
        put(c, *grid, i % columns, i / columns, images + i * c->pixels);
    free(images);
    return status;
}

fcs_status fcs_interpolate(fcs_run *run, const char *from, const char *to, int count,
                           const char *path)
{
    coding c;
    bool seed[2] = {false, false};
    fcs_status status = coding_of(run, &c);
    if (status != FCS_OK)
        return status;
    if (count < 2 || count > 1000)
        return fcs_fail(&run->ctx->error, FCS_FAILED, "interpolate: %d images: 2 to 1000", count);
    float *ends =
        fcs_alloc_array(&run->ctx->error, (size_t)((count + 2) * c.numbers), sizeof *ends);
    float *between = ends ? ends + 2 * c.numbers : NULL;
    status = ends ? latent_of(&c, from, ends, &seed[0]) : FCS_FAILED;
    if (status == FCS_OK)
        status = latent_of(&c, to, ends + c.numbers, &seed[1]);
    bool round = seed[0] && seed[1] && strcmp(c.m->latent_distribution, "normal") == 0;
    for (int i = 0; i < count && status == FCS_OK; i++)
        blend(ends, ends + c.numbers, c.numbers, (double)i / (count - 1), round,
              between + i * c.numbers);
    fcs_image *grid = NULL;
    if (status == FCS_OK)
        status = make_strip(&c, between, count, 1, &grid);
    if (status == FCS_OK)
        status = fcs_image_write(run->ctx, grid, path);
    fcs_image_free(grid);
    free(ends);
    return status;
}

/* ---- one latent number after the other ---- */

typedef struct ranked {
    int64_t number;
    double weight;
} ranked;

static int by_weight(const void *a, const void *b)
{
    double x = ((const ranked *)a)->weight, y = ((const ranked *)b)->weight;
    return (x < y) - (x > y);
}

/* Latent numbers by how much they say of these images: their divergence from N(0, 1). */
static void rank(const coding *c, int n, const float *mean, const float *logvar, ranked *order)
{
    for (int64_t k = 0; k < c->numbers; k++) {
        order[k] = (ranked){k, 0};
        for (int i = 0; i < n; i++) {
            double m = (double)mean[i * c->numbers + k], v = (double)logvar[i * c->numbers + k];
            order[k].weight += (m * m + exp(v) - v - 1) / 2;
        }
    }
    qsort(order, (size_t)c->numbers, sizeof *order, by_weight);
}

/* A row a number: from -3 to 3 standard deviations of the prior, the others those of the first
 * image. rows: at most as many as there are numbers; the numbers shown. */
static fcs_status make_sweep(const coding *c, int n, const float *mean, const float *logvar,
                             int rows, ranked *order, fcs_image **grid)
{
    float *latents = fcs_alloc_array(&c->run->ctx->error, (size_t)(rows * SWEEP_STEPS * c->numbers),
                                     sizeof *latents);
    if (!latents)
        return FCS_FAILED;
    rank(c, n, mean, logvar, order);
    for (int i = 0; i < rows * SWEEP_STEPS; i++) {
        float *to = latents + i * c->numbers;
        memcpy(to, mean, (size_t)c->numbers * sizeof *to);
        to[order[i / SWEEP_STEPS].number] =
            (float)(6.0 * (i % SWEEP_STEPS) / (SWEEP_STEPS - 1) - 3);
    }
    fcs_status status = make_strip(c, latents, SWEEP_STEPS, rows, grid);
    free(latents);
    return status;
}

static fcs_status write_sweep(const coding *c, int n, const float *mean, const float *logvar,
                              int rows, const char *path)
{
    ranked *order = fcs_alloc_array(&c->run->ctx->error, (size_t)c->numbers, sizeof *order);
    fcs_image *grid = NULL;
    rows = rows < c->numbers ? rows : (int)c->numbers;
    fcs_status status = order ? make_sweep(c, n, mean, logvar, rows, order, &grid) : FCS_FAILED;
    for (int r = 0; r < rows && status == FCS_OK; r++)
        fcs_note(c->run->ctx, "%s: row %d is latent number %lld", path, r + 1,
                 (long long)order[r].number);
    if (status == FCS_OK)
        status = fcs_image_write(c->run->ctx, grid, path);
    fcs_image_free(grid);
    free(order);
    return status;
}

/* Rows from one random latent to another. */
static fcs_status make_ways(const coding *c, int rows, fcs_image **grid)
{
    float *ends = fcs_alloc_array(&c->run->ctx->error,
                                  (size_t)((2 + rows * SWEEP_STEPS) * c->numbers), sizeof *ends);
    bool round = strcmp(c->m->latent_distribution, "normal") == 0;
    if (!ends)
        return FCS_FAILED;
    for (int i = 0; i < rows * SWEEP_STEPS; i++) {
        int row = i / SWEEP_STEPS;
        draw(c, REPORT_SEED, 2 * row, ends);
        draw(c, REPORT_SEED, 2 * row + 1, ends + c->numbers);
        blend(ends, ends + c->numbers, c->numbers, (double)(i % SWEEP_STEPS) / (SWEEP_STEPS - 1),
              round, ends + (2 + i) * c->numbers);
    }
    fcs_status status = make_strip(c, ends + 2 * c->numbers, SWEEP_STEPS, rows, grid);
    free(ends);
    return status;
}

fcs_status fcs_run_sweep(fcs_run *run, const float *crops, int n, fcs_image **out)
{
    coding c;
    fcs_error *e = &run->ctx->error;
    *out = NULL;
    if (coding_of(run, &c) != FCS_OK) {
        fcs_error_clear(e); /* such images are shown in other ways */
        return FCS_OK;
    }
    int rows = c.numbers < REPORT_ROWS ? (int)c.numbers : REPORT_ROWS;
    if (!c.m->scheme->encoder)
        return make_ways(&c, REPORT_ROWS / 2, out);
    float *mean = fcs_alloc_array(e, (size_t)(2 * n * c.numbers), sizeof *mean);
    ranked *order = fcs_alloc_array(e, (size_t)c.numbers, sizeof *order);
    fcs_status status =
        mean && order ? fcs_model_encode(c.m, crops, n, mean, mean + n * c.numbers, e) : FCS_FAILED;
    if (status == FCS_OK)
        status = make_sweep(&c, n, mean, mean + n * c.numbers, rows, order, out);
    free(mean);
    free(order);
    return status;
}

/* ---- latents as files ---- */

static void put_numbers(fcs_text *t, const float *values, int64_t n)
{
    for (int64_t k = 0; k < n; k++) {
        char text[40];
        snprintf(text, sizeof text, ",%.9g", (double)values[k]);
        for (char *at = text + 1; *at; at++)
            if (*at == ',') /* the decimal sign of some locales */
                *at = '.';
        fcs_text_add(t, "%s", text);
    }
}

/* Quotes where the name needs them (RFC 4180). */
static void put_name(fcs_text *t, const char *name)
{
    bool plain = strcspn(name, ",\"\n\r") == strlen(name);
    fcs_text_add(t, "%s", plain ? "" : "\"");
    for (; *name; name++)
        fcs_text_add(t, *name == '"' ? "\"\"" : "%c", *name);
    fcs_text_add(t, "%s", plain ? "" : "\"");
}

static fcs_status write_csv(const coding *c, const fcs_pictures *p, const float *mean,
                            const float *logvar, const char *path)
{
    static const char *const kinds[] = {"mean", "logvar"};
    fcs_error *e = &c->run->ctx->error;
    fcs_text t = {0};
    fcs_file file;
    fcs_text_add(&t, "image");
    for (int kind = 0; kind < 2; kind++)
        for (int64_t k = 0; k < c->numbers; k++)
            fcs_text_add(&t, ",%s_%lld", kinds[kind], (long long)k);
    fcs_text_add(&t, "\n");
    for (int i = 0; i < p->n; i++) {
        put_name(&t, p->names[i]);
        put_numbers(&t, mean + i * c->numbers, c->numbers);
        put_numbers(&t, logvar + i * c->numbers, c->numbers);
        fcs_text_add(&t, "\n");
    }
    fcs_status status = t.failed ? fcs_fail(e, FCS_FAILED, "%s: out of memory", path) : FCS_OK;
    if (status == FCS_OK && (status = fcs_file_open(e, &file, path)) == FCS_OK) {
        if (fwrite(t.s, 1, t.n, file.f) == t.n) {
            status = fcs_file_commit(e, &file);
        } else {
            status = fcs_fail(e, FCS_FAILED, "%s: cannot be written: %s", path, strerror(errno));
            fcs_file_abort(&file);
        }
    }
    free(t.s);
    return status;
}

/* Tensors mean and logvar, n x numbers; the images' names, a line each, in the metadata. */
static fcs_status write_safetensors(const coding *c, const fcs_pictures *p, const float *mean,
                                    const float *logvar, const char *path)
{
    fcs_error *e = &c->run->ctx->error;
    char names[2][8] = {"mean", "logvar"}, key[] = "images";
    fcs_text list = {0};
    fcs_st_tensor tensors[2];
    fcs_st_writer *w;
    for (int i = 0; i < p->n; i++)
        fcs_text_add(&list, "%s%s", i ? "\n" : "", p->names[i]);
    if (list.failed) {
        free(list.s);
        return fcs_fail(e, FCS_FAILED, "%s: out of memory", path);
    }
    const fcs_st_pair meta = {key, list.s};
    for (int i = 0; i < 2; i++)
        tensors[i] = (fcs_st_tensor){
            .name = names[i], .dtype = FCS_DTYPE_F32, .rank = 2, .shape = {p->n, c->numbers}};
    fcs_status status = fcs_st_writer_open(e, path, tensors, 2, &meta, 1, &w);
    free(list.s);
    if (status != FCS_OK)
        return status;
    status = fcs_st_writer_put(e, w, mean);
    if (status == FCS_OK)
        status = fcs_st_writer_put(e, w, logvar);
    if (status == FCS_OK)
        return fcs_st_writer_commit(e, w);
    fcs_st_writer_abort(w);
    return status;
}

static bool ends_in(const char *path, const char *ending)
{
    size_t n = strlen(path), k = strlen(ending);
    return n >= k && strcmp(path + n - k, ending) == 0;
}

static fcs_status write_latents(const coding *c, const fcs_pictures *p, const float *mean,
                                const float *logvar, const char *path)
{
    if (ends_in(path, ".safetensors"))
        return write_safetensors(c, p, mean, logvar, path);
    return write_csv(c, p, mean, logvar, path);
}

fcs_status fcs_encode(fcs_run *run, const char *const *images, int n, const fcs_encode_options *o)
{
    coding c;
    fcs_pictures p = {0};
    float *mean = NULL, *logvar = NULL;
    fcs_status status = coding_of(run, &c);
    if (status == FCS_OK && o->path && !ends_in(o->path, ".csv") &&
        !ends_in(o->path, ".safetensors"))
        status = fcs_fail(&run->ctx->error, FCS_FAILED,
                          "%s: the name must end in .csv or .safetensors, which says the format",
                          o->path);
    if (status == FCS_OK)
        status = read_all(&c, images, n, &p);
    if (status == FCS_OK) {
        size_t values = (size_t)(p.n * c.numbers);
        mean = fcs_alloc_array(&run->ctx->error, values, sizeof *mean);
        logvar = fcs_alloc_array(&run->ctx->error, values, sizeof *logvar);
        status = mean && logvar ? encode(&c, p.values, p.n, mean, logvar) : FCS_FAILED;
    }
    if (status == FCS_OK && o->path)
        status = write_latents(&c, &p, mean, logvar, o->path);
    if (status == FCS_OK && o->sweep)
        status = write_sweep(&c, p.n, mean, logvar, o->rows > 0 ? o->rows : 8, o->sweep);
    fcs_pictures_free(&p);
    free(mean);
    free(logvar);
    return status;
}

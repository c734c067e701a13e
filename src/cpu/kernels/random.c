/* random.c: random_uniform and random_normal: the number of an element is its index in row-major N
 * C D H W order. src/base makes the numbers, the same on every machine; here they go to their
 * places. */
#include "cpu/kernels/rows.h"

typedef void fill(uint64_t seed, uint64_t step, uint32_t stream, uint64_t first, size_t n,
                  float *y);
enum { RUN = 1024, PIXELS = 256 };

typedef struct random_job {
    const fcs_cpu_call *call;
    fill *fill;
    int64_t pixels, tile,
        group; /* pixels of a sample and of a tile, channels that are filled at once */
} random_job;

/* A tile of pixels of one sample, all channels. */
static void fill_tiles(void *arg, int64_t begin, int64_t end, int thread)
{
    const random_job *j = arg;
    const fcs_cpu_call *c = j->call;
    const int64_t channels = c->out.shape.n[FCS_C], cs = c->out.cs,
                  tiles = (j->pixels + j->tile - 1) / j->tile;
    float t[RUN];
    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        int64_t sample = i / tiles, pixel = i % tiles * j->tile;
        int64_t count = j->pixels - pixel < j->tile ? j->pixels - pixel : j->tile;
        float *y = c->out.p + (sample * j->pixels + pixel) * cs;
        for (int64_t channel = 0; channel < channels; channel += j->group) {
            int64_t group = channels - channel < j->group ? channels - channel : j->group;
            uint64_t first = (uint64_t)((sample * channels + channel) * j->pixels + pixel);
            j->fill(c->seed, c->step, c->stream, first, (size_t)(group * count), t);
            for (int64_t p = 0; p < count; p++)
                for (int64_t k = 0; k < group; k++)
                    y[p * cs + channel + k] = t[k * count + p];
        }
        for (int64_t p = 0; p < count; p++)
            fcs_rows_zero(y + p * cs + channels, cs - channels);
    }
}

static void run(const fcs_cpu_call *c, fill *f)
{
    const int64_t *s = c->out.shape.n;
    random_job j = {.call = c, .fill = f, .pixels = s[FCS_D] * s[FCS_H] * s[FCS_W]};
    j.tile = s[FCS_C] == 1 ? RUN : PIXELS;
    if (j.pixels <= j.tile)
        j.tile = j.pixels;
    j.group = j.tile == j.pixels
                  ? RUN / j.pixels
                  : 1; /* several channels at once only where they follow each other */
    int64_t tiles = (j.pixels + j.tile - 1) / j.tile;
    fcs_parallel(c->team, s[FCS_N] * tiles, 1 + (1 << 13) / (j.tile * c->out.cs), fill_tiles, &j);
}

static void run_uniform(const fcs_cpu_call *c) { run(c, fcs_random_uniforms); }

static void run_normal(const fcs_cpu_call *c) { run(c, fcs_random_normals); }

const fcs_cpu_op FCS_SYM(op_random_uniform) = {.run = run_uniform};
const fcs_cpu_op FCS_SYM(op_random_normal) = {.run = run_normal};

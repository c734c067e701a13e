/* apply.c: one op on a backend, its values between canaries in one memory: channels-last copies of
 * row-major data, NaN elsewhere. */
#include "check/check.h"
#include "graph/backend.h"

#include <stdlib.h>
#include <string.h>

/* GUARD floats of CANARY before and behind the data: whole cache lines, so that the data stays
 * aligned. */
enum { GUARD = 128 };
static const uint32_t canary = 0x7fb5a5a5; /* a NaN: reading it shows as well */

static void set_canaries(float *p, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        memcpy(p + i, &canary, sizeof canary);
}

/* offset: floats by which the data is moved off its alignment. */
static bool guarded_new(fcs_error *e, int64_t floats, int offset, fcs_guarded *out)
{
    size_t all = (size_t)(floats + 2 * GUARD + offset);
    out->base = fcs_alloc_aligned(e, all * sizeof(float));
    if (!out->base)
        return false;
    out->p = out->base + GUARD + offset;
    out->floats = floats;
    set_canaries(out->base, (int64_t)all);
    return true;
}

static bool canaries_live(const float *p, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (memcmp(p + i, &canary, sizeof canary))
            return false;
    return true;
}

/* Names what was overwritten; the first trouble is kept. */
static void guarded_check(const fcs_guarded *g, const char *name, int number,
                          char trouble[FCS_TROUBLE])
{
    if (!g->base || *trouble)
        return;
    if (!canaries_live(g->base, g->p - g->base))
        snprintf(trouble, FCS_TROUBLE, "wrote before %s %d", name, number);
    else if (!canaries_live(g->p + g->floats, GUARD))
        snprintf(trouble, FCS_TROUBLE, "wrote behind %s %d", name, number);
}

/* Row-major N C D H W to and from N D H W C with channel stride cs. */
static void to_channels_last(fcs_shape s, const float *from, float *to)
{
    int64_t channels = s.n[FCS_C], cs = fcs_channel_stride(channels),
            pixels = s.n[FCS_D] * s.n[FCS_H] * s.n[FCS_W];
    memset(to, 0, (size_t)fcs_shape_floats(s) * sizeof *to);
    for (int64_t n = 0; n < s.n[FCS_N]; n++)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t p = 0; p < pixels; p++)
                to[(n * pixels + p) * cs + c] = from[(n * channels + c) * pixels + p];
}

static void from_channels_last(fcs_shape s, const float *from, float *to, char trouble[FCS_TROUBLE])
{
    int64_t channels = s.n[FCS_C], cs = fcs_channel_stride(channels),
            pixels = s.n[FCS_D] * s.n[FCS_H] * s.n[FCS_W];
    for (int64_t n = 0; n < s.n[FCS_N]; n++)
        for (int64_t p = 0; p < pixels; p++) {
            const float *pixel = from + (n * pixels + p) * cs;
            for (int64_t c = 0; c < channels; c++)
                to[(n * channels + c) * pixels + p] = pixel[c];
            for (int64_t c = channels; c < cs && !*trouble; c++)
                if (!(pixel[c] == 0))
                    snprintf(trouble, FCS_TROUBLE, "padding lane %lld of pixel %lld is %g, not 0",
                             (long long)c, (long long)(n * pixels + p), (double)pixel[c]);
        }
}

void fcs_prepared_free(fcs_prepared *p)
{
    if (p->op)
        p->on->backend->op_free(p->on, p->op);
    if (p->memory)
        p->on->backend->memory_free(p->on, p->memory);
    memset(p, 0, sizeof *p);
}

/* A place for so many floats, canaries before and behind it, within one slab of the device's. */
static fcs_region region_of(fcs_prepared *p, int64_t floats)
{
    const fcs_backend *b = p->on->backend;
    int64_t slab = b->slab_bytes ? (int64_t)(b->slab_bytes(p->on) / sizeof(float)) : 0;
    int64_t at = p->floats + GUARD, end = (at + floats + GUARD + 15) / 16 * 16;
    if (slab && at / slab != (end - 1) / slab) {
        at = (at / slab + 1) * slab;
        end = (at + floats + GUARD + 15) / 16 * 16;
    }
    p->floats = end;
    return (fcs_region){at, floats};
}

static size_t bytes_of(int64_t floats) { return (size_t)floats * sizeof(float); }

/* Canaries everywhere, then the inputs. */
static bool fill_memory(fcs_prepared *p, const float *const *in)
{
    const fcs_backend *b = p->on->backend;
    float *host = b->map(p->on, p->memory, 0, bytes_of(p->floats), FCS_MAP_WRITE);
    if (!host)
        return false;
    set_canaries(host, p->floats);
    for (int k = 0; k < p->args->n_in; k++)
        to_channels_last(p->args->in[k], in[k], host + p->in[k].at);
    return b->unmap(p->on, p->memory, host) == FCS_OK;
}

static bool make_ready(fcs_prepared *p, const float *const *in, uint32_t stream)
{
    const fcs_apply_args *a = p->args;
    const fcs_backend *b = p->on->backend;
    fcs_op_place place = {.args = a, .stream = stream};
    size_t bytes = b->op_scratch(p->on, a);
    for (int k = 0; k < a->n_in; k++) {
        p->in[k] = region_of(p, fcs_shape_floats(a->in[k]));
        place.in[k] = bytes_of(p->in[k].at);
    }
    p->out = region_of(p, fcs_shape_floats(a->out));
    p->scratch = region_of(p, (int64_t)((bytes + sizeof(float) - 1) / sizeof(float)));
    place.out = bytes_of(p->out.at);
    place.scratch = bytes_of(p->scratch.at);
    p->memory = place.memory = b->memory_new(p->on, bytes_of(p->floats), false);
    if (!p->memory || !fill_memory(p, in))
        return false;
    p->op = b->op_new(p->on, &place);
    return p->op != NULL;
}

fcs_status fcs_prepare(fcs_context *on, const fcs_apply_args *a, const float *const *in,
                       uint64_t seed, uint32_t stream, fcs_prepared *p)
{
    *p = (fcs_prepared){.on = on, .args = a, .seed = seed};
    if (make_ready(p, in, stream))
        return FCS_OK;
    fcs_prepared_free(p);
    return FCS_FAILED;
}

fcs_status fcs_prepared_run(const fcs_prepared *p)
{
    const fcs_backend *b = p->on->backend;
    fcs_status s = b->op_run(p->on, p->op, p->seed, 1);
    return s == FCS_OK && b->finish ? b->finish(p->on) : s;
}

/* Inputs must be what they were. */
static bool input_kept(fcs_error *e, fcs_shape s, const float *before, const float *after)
{
    size_t bytes = (size_t)fcs_shape_floats(s) * sizeof(float);
    float *again = fcs_alloc_aligned(e, bytes);
    if (!again)
        return false;
    to_channels_last(s, before, again);
    bool same = !memcmp(again, after, bytes);
    free(again);
    return same;
}

/* Names what was overwritten round a value; the first trouble is kept. Some backends may write to
 * the end of a value's last line. */
static void region_check(const fcs_prepared *p, const float *host, const fcs_region *r,
                         const char *name, int number, char trouble[FCS_TROUBLE])
{
    int64_t end = r->at + r->floats, skipped = p->on->backend->owns_lines ? -end & 15 : 0;
    if (*trouble)
        return;
    if (!canaries_live(host + r->at - GUARD, GUARD))
        snprintf(trouble, FCS_TROUBLE, "wrote before %s %d", name, number);
    else if (!canaries_live(host + end + skipped, GUARD - skipped))
        snprintf(trouble, FCS_TROUBLE, "wrote behind %s %d", name, number);
}

fcs_status fcs_prepared_result(const fcs_prepared *p, const float *const *in, float *out,
                               char trouble[FCS_TROUBLE])
{
    const fcs_apply_args *a = p->args;
    const fcs_backend *b = p->on->backend;
    float *host = b->map(p->on, p->memory, 0, bytes_of(p->floats), FCS_MAP_READ);
    *trouble = '\0';
    if (!host)
        return FCS_FAILED;
    region_check(p, host, &p->out, "output", 1, trouble);
    region_check(p, host, &p->scratch, "scratch", 1, trouble);
    for (int k = 0; k < a->n_in; k++) {
        region_check(p, host, &p->in[k], "input", k + 1, trouble);
        if (!*trouble && !input_kept(&p->on->error, a->in[k], in[k], host + p->in[k].at))
            snprintf(trouble, FCS_TROUBLE, "changed input %d", k + 1);
    }
    from_channels_last(a->out, host + p->out.at, out, trouble);
    return b->unmap(p->on, p->memory, host);
}

fcs_status fcs_apply_kernel(fcs_context *on, const fcs_apply_args *a, const float *const *in,
                            float *out, uint64_t seed, uint32_t stream, char trouble[FCS_TROUBLE])
{
    fcs_prepared p;
    fcs_status status = fcs_prepare(on, a, in, seed, stream, &p);
    if (status == FCS_OK)
        status = fcs_prepared_run(&p);
    if (status == FCS_OK)
        status = fcs_prepared_result(&p, in, out, trouble);
    if (status !=
        FCS_OK) { /* a kernel that cannot be made or run: found as such, with the reason */
        memset(out, 0xff, bytes_of(fcs_shape_count(a->out)));
        snprintf(trouble, FCS_TROUBLE, "%.150s", on->error.message);
        fcs_error_clear(&on->error);
    }
    fcs_prepared_free(&p);
    return FCS_OK;
}

fcs_status fcs_apply_lanes(fcs_error *e, const fcs_isa *isa, const fcs_apply_args *a,
                           const float *const *in, int64_t n, int in_place, float *out,
                           char trouble[FCS_TROUBLE])
{
    const fcs_cpu_op *kernel = isa->ops[fcs_op_index(a->op)];
    fcs_guarded g[4] = {{NULL, NULL, 0}};
    bool good = true;
    *trouble = '\0';
    if (!kernel || !kernel->lanes) {
        memset(out, 0xff, (size_t)n * sizeof(float));
        snprintf(trouble, FCS_TROUBLE, "no kernel");
        return FCS_OK;
    }
    for (int k = 0; k < a->n_in && good; k++) {
        good = guarded_new(e, n, 1 + k, &g[k]);
        if (good)
            memcpy(g[k].p, in[k], (size_t)n * sizeof(float));
    }
    good = good && guarded_new(e, n, 3, &g[3]);
    if (good) {
        float *y = in_place >= 0 ? g[in_place].p : g[3].p;
        kernel->lanes(y, g[0].p, g[1].p, g[2].p, n, &a->attrs);
        memcpy(out, y, (size_t)n * sizeof(float));
        for (int k = 0; k < 3; k++)
            guarded_check(&g[k], "input", k + 1, trouble);
        guarded_check(&g[3], "output", 1, trouble);
        for (int k = 0; k < a->n_in && !*trouble; k++)
            if (k != in_place && memcmp(g[k].p, in[k], (size_t)n * sizeof(float)))
                snprintf(trouble, FCS_TROUBLE, "changed input %d", k + 1);
    }
    for (int k = 0; k < 4; k++)
        free(g[k].base);
    return good ? FCS_OK : FCS_FAILED;
}

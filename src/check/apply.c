/* apply.c: one kernel on guarded buffers: channels-last copies of row-major data between canaries.
 */
#include "check/check.h"

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
    for (int k = 0; k < FCS_MAX_IN; k++)
        free(p->in[k].base);
    free(p->out.base);
    free(p->scratch.base);
    memset(p, 0, sizeof *p);
}

fcs_status fcs_prepare(fcs_error *e, const fcs_isa *isa, fcs_team *team, const fcs_apply_args *a,
                       const float *const *in, fcs_prepared *p)
{
    memset(p, 0, sizeof *p);
    p->kernel = isa->ops[fcs_op_index(a->op)];
    p->call = (fcs_cpu_call){.args = a, .team = team, .step = 1};
    bool good = true, runs = p->kernel && p->kernel->run;
    size_t bytes = runs && p->kernel->scratch ? p->kernel->scratch(a, fcs_team_size(team)) : 0;
    for (int k = 0; k < a->n_in && good; k++) {
        good = guarded_new(e, fcs_shape_floats(a->in[k]), 0, &p->in[k]);
        if (good)
            to_channels_last(a->in[k], in[k], p->in[k].p);
        p->call.in[k] = (fcs_view){p->in[k].p, a->in[k], fcs_channel_stride(a->in[k].n[FCS_C])};
    }
    good = good && guarded_new(e, fcs_shape_floats(a->out), 0, &p->out);
    if (bytes)
        good = good && guarded_new(e, (int64_t)((bytes + sizeof(float) - 1) / sizeof(float)), 0,
                                   &p->scratch);
    p->call.out = (fcs_view){p->out.p, a->out, fcs_channel_stride(a->out.n[FCS_C])};
    p->call.scratch = p->scratch.p;
    if (!good)
        fcs_prepared_free(p);
    return good ? FCS_OK : FCS_FAILED;
}

void fcs_prepared_run(const fcs_prepared *p)
{
    if (p->kernel && p->kernel->run)
        p->kernel->run(&p->call);
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

void fcs_prepared_result(fcs_error *e, const fcs_prepared *p, const float *const *in, float *out,
                         char trouble[FCS_TROUBLE])
{
    const fcs_apply_args *a = p->call.args;
    *trouble = '\0';
    if (!p->kernel || !p->kernel->run)
        snprintf(trouble, FCS_TROUBLE, "no kernel");
    guarded_check(&p->out, "output", 1, trouble);
    guarded_check(&p->scratch, "scratch", 1, trouble);
    for (int k = 0; k < a->n_in; k++) {
        guarded_check(&p->in[k], "input", k + 1, trouble);
        if (!*trouble && !input_kept(e, a->in[k], in[k], p->in[k].p))
            snprintf(trouble, FCS_TROUBLE, "changed input %d", k + 1);
    }
    from_channels_last(a->out, p->out.p, out, trouble);
}

fcs_status fcs_apply_kernel(fcs_error *e, const fcs_isa *isa, fcs_team *team,
                            const fcs_apply_args *a, const float *const *in, float *out,
                            uint64_t seed, uint32_t stream, char trouble[FCS_TROUBLE])
{
    fcs_prepared p;
    fcs_status status = fcs_prepare(e, isa, team, a, in, &p);
    if (status != FCS_OK)
        return status;
    p.call.seed = seed;
    p.call.stream = stream;
    fcs_prepared_run(&p);
    fcs_prepared_result(e, &p, in, out, trouble);
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

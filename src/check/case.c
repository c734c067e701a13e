/* case.c: sample cases as text, and the added ones around tile edges. */
#include "check/check.h"

#include <stdlib.h>
#include <string.h>

/* "1x3x1x9x9": five sizes. Changes the text. */
static bool shape_parse(char *text, fcs_shape *out)
{
    char *word = text;
    for (int d = 0; d < FCS_DIMS; d++) {
        char *x = strchr(word, 'x');
        if ((d < FCS_DIMS - 1) != (x != NULL))
            return false;
        if (x)
            *x = '\0';
        if (!fcs_parse_int64(word, &out->n[d]))
            return false;
        word = x ? x + 1 : NULL;
    }
    return true;
}

/* The list behind "in=". Changes the text. */
static fcs_status inputs_parse(fcs_error *e, char *list, fcs_apply_args *a)
{
    for (char *word = list; word; a->n_in++) {
        char *comma = strchr(word, ',');
        if (comma)
            *comma = '\0';
        if (a->n_in == FCS_MAX_IN)
            return fcs_fail(e, FCS_FAILED, "case: more than %d inputs", FCS_MAX_IN);
        if (!shape_parse(word, &a->in[a->n_in]))
            return fcs_fail(e, FCS_FAILED, "case: '%.64s' is no shape, write NxCxDxHxW", word);
        word = comma ? comma + 1 : NULL;
    }
    return FCS_OK;
}

/* Canonical text and seed, from the completed arguments. */
static fcs_status case_finish(fcs_error *e, fcs_case *c)
{
    fcs_text t = {0}, attrs = {0};
    fcs_text_add(&t, "%s", c->args.op->name);
    for (int i = 0; i < c->args.n_in; i++) {
        char shape[96];
        fcs_shape_text(c->args.in[i], shape);
        fcs_text_add(&t, "%s%s", i ? "," : " in=", shape);
    }
    fcs_attrs_text(c->args.op, &c->args.attrs, &attrs);
    if (attrs.n)
        fcs_text_add(&t, " %s", attrs.s);
    bool failed = t.failed || attrs.failed;
    free(attrs.s);
    if (failed) {
        free(t.s);
        return fcs_fail(e, FCS_FAILED, "out of memory");
    }
    c->text = t.s;
    c->seed = fcs_hash(t.s);
    return FCS_OK;
}

static fcs_status words_parse(fcs_error *e, const fcs_op *op, char *text, fcs_case *c)
{
    fcs_text attrs = {0};
    char *save = NULL;
    fcs_status status = FCS_OK;
    fcs_text_add(&attrs, "%s", "");
    for (char *w = strtok_r(text, " \t\n", &save); w && status == FCS_OK;
         w = strtok_r(NULL, " \t\n", &save)) {
        if (!strncmp(w, "in=", 3))
            status = inputs_parse(e, w + 3, &c->args);
        else if (strchr(w, '='))
            fcs_text_add(&attrs, "%s ", w);
        else if (!(op = fcs_op_find(e, w)))
            status = FCS_FAILED;
    }
    if (status == FCS_OK && !op)
        status = fcs_fail(e, FCS_FAILED, "case: begin it with the name of an op");
    c->args.op = op;
    if (status == FCS_OK)
        status = fcs_attrs_parse(e, op, attrs.s, &c->args.attrs);
    if (status == FCS_OK)
        status = op->shape(&c->args, e);
    free(attrs.s);
    return status;
}

fcs_status fcs_case_parse(fcs_error *e, const fcs_op *op, const char *text, fcs_case *out)
{
    memset(out, 0, sizeof *out);
    char *copy = fcs_strdup(e, text);
    if (!copy)
        return FCS_FAILED;
    fcs_status status = words_parse(e, op, copy, out);
    free(copy);
    return status == FCS_OK ? case_finish(e, out) : status;
}

void fcs_case_free(fcs_case *c)
{
    free(c->text);
    c->text = NULL;
}

bool fcs_case_is_odd(const fcs_case *c)
{
    const fcs_shape s = c->args.n_in ? c->args.in[0] : c->args.out;
    for (int d = 0; d < FCS_DIMS; d++)
        if (s.n[d] > 1 && s.n[d] % 2)
            return true;
    return false;
}

/* ---- sizes around tile edges ---- */
/* Kernels work in tiles of 12 pixels and of 8, 16 or 32 channels: one less, the same, one more. */
static const int64_t edge_channels[] = {4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33};
static const int64_t edge_pixels[] = {11, 12, 13, 23, 24, 25};
enum {
    N_CHANNELS = sizeof edge_channels / sizeof *edge_channels,
    N_PIXELS = sizeof edge_pixels / sizeof *edge_pixels
};

/* base with the size `old` of input 0's dimension (channels or width) replaced everywhere where it
 * stands for the same: channels in N and C of every input, width in W. False where the op does not
 * take that. */
static bool resized(const fcs_case *base, int dimension, int64_t size, fcs_case *out)
{
    int64_t old = base->args.in[0].n[dimension];
    if (old < 2 || old == size)
        return false;
    memset(out, 0, sizeof *out);
    out->args = base->args;
    for (int i = 0; i < base->args.n_in; i++)
        for (int d = 0; d < FCS_DIMS; d++) {
            bool same = dimension == FCS_C ? d == FCS_C || (d == FCS_N && i > 0) : d == dimension;
            if (same && base->args.in[i].n[d] == old)
                out->args.in[i].n[d] = size;
        }
    fcs_error ignored = {0};
    return base->args.op->shape(&out->args, &ignored) == FCS_OK;
}

/* Tries the bases in turn, beginning with a different one for every edge, so that edges meet many
 * geometries. */
static bool find_edge(const fcs_case *bases, int n, int start, int dimension, int64_t size,
                      fcs_case *out)
{
    for (int k = 0; k < n; k++)
        if (resized(&bases[(start + k) % n], dimension, size, out))
            return true;
    return false;
}

fcs_status fcs_case_list(fcs_error *e, const fcs_op *op, fcs_case **out, int *n)
{
    int own = 0;
    while (op->cases && op->cases[own])
        own++;
    *n = 0;
    *out = fcs_alloc_array(e, (size_t)own + N_CHANNELS + N_PIXELS, sizeof **out);
    if (!*out)
        return FCS_FAILED;
    for (; *n < own; ++*n) {
        fcs_status status = fcs_case_parse(e, op, op->cases[*n], &(*out)[*n]);
        if (status != FCS_OK) {
            fcs_error_where(e, "case '%s %s'", op->name, op->cases[*n]);
            return status;
        }
    }
    for (int k = 0; k < N_CHANNELS + N_PIXELS && op->max_in > 0; k++) {
        bool channels = k < N_CHANNELS;
        fcs_case *c = &(*out)[*n];
        if (!find_edge(*out, own, k, channels ? FCS_C : FCS_W,
                       channels ? edge_channels[k] : edge_pixels[k - N_CHANNELS], c))
            continue;
        c->edge = true;
        if (case_finish(e, c) != FCS_OK)
            return FCS_FAILED;
        ++*n;
    }
    return FCS_OK;
}

void fcs_case_list_free(fcs_case *cases, int n)
{
    for (int i = 0; cases && i < n; i++)
        fcs_case_free(&cases[i]);
    free(cases);
}

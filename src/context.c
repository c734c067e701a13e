/* context.c: opening and closing the library. The one file that knows base/ and the backends alike.
 */
#include "base/base.h"
#include "cpu/cpu.h"
#include "graph/backend.h"
#include "opencl/devices.h"
#include <stdlib.h>
#include <string.h>

fcs_status fcs_open(fcs_context **out, const fcs_options *options)
{
    static const fcs_options none;
    const fcs_options *o = options ? options : &none;
    fcs_context *ctx = calloc(1, sizeof *ctx);
    *out = ctx;
    if (!ctx)
        return FCS_FAILED;
    ctx->log = o->log;
    ctx->user = o->user;
    if (o->threads < 0 || o->threads > 4096)
        return fcs_fail(&ctx->error, FCS_FAILED, "%d threads: give a number from 1 to 4096",
                        o->threads);
    ctx->backend = &fcs_cpu_backend;
    ctx->isa = fcs_isa_find(&ctx->error, o->isa);
    ctx->team = ctx->isa ? fcs_team_new(&ctx->error, o->threads) : NULL;
    bool cpu = !o->device || !strcmp(o->device, "cpu") || !strcmp(o->device, "0");
    ctx->sync = o->sync != 0;
    return cpu || !ctx->team ? ctx->error.status
                             : fcs_devices_open(ctx, o->device, o->untrusted != 0);
}

void fcs_close(fcs_context *ctx)
{
    if (!ctx)
        return;
    if (ctx->backend && ctx->backend->close)
        ctx->backend->close(ctx);
    fcs_team_free(ctx->team);
    free(ctx->device_word);
    free(ctx);
}

const char *fcs_message(const fcs_context *ctx)
{
    return ctx ? ctx->error.message : "out of memory";
}

const char *fcs_version(void) { return FCS_VERSION; }

void fcs_interrupt(fcs_context *ctx) { ctx->interrupted = 1; }

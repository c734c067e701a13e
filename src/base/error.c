/* error.c: one message per context, written by whoever detects the failure. */
#include "base/base.h"
#include <string.h>

fcs_status fcs_fail(fcs_error *e, fcs_status status, const char *format, ...)
{
    if (e && e->status == FCS_OK) {
        va_list list;
        va_start(list, format);
        vsnprintf(e->message, sizeof e->message, format, list);
        va_end(list);
        for (char *s = e->message; *s; s++) /* one line, whatever a file name holds */
            if ((unsigned char)*s < ' ' || *s == 127)
                *s = '?';
        e->status = status;
    }
    return status;
}

void fcs_error_where(fcs_error *e, const char *format, ...)
{
    char where[sizeof e->message], message[sizeof e->message];
    if (!e || e->status == FCS_OK)
        return;
    va_list list;
    va_start(list, format);
    vsnprintf(where, sizeof where, format, list);
    va_end(list);
    memcpy(message, e->message, sizeof message);
    size_t n = strlen(where), limit = sizeof e->message - 3;
    if (n > limit / 2)
        n = limit / 2;
    memcpy(e->message, where, n);
    memcpy(e->message + n, ": ", 2);
    size_t rest = strlen(message);
    if (rest > limit - n)
        rest = limit - n;
    memcpy(e->message + n + 2, message, rest);
    e->message[n + 2 + rest] = 0;
}

void fcs_error_clear(fcs_error *e)
{
    e->status = FCS_OK;
    e->message[0] = 0;
}

void fcs_note(fcs_context *ctx, const char *format, ...)
{
    if (!ctx->log)
        return;
    char line[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    ctx->log(ctx->user, line);
}

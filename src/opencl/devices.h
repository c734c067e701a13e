/* devices.h: what the rest of the library knows of the OpenCL backend. Where it is not built,
 * none.c stands for it. */
#ifndef FCS_DEVICES_H
#define FCS_DEVICES_H

#include "base/base.h"

/* Opens the device that the word names, as `facies devices` prints them: a number from 1 on, a part
 * of a name, or PLATFORM:NAME. Sets the context's backend and device. One that fails its self-test
 * is refused unless untrusted. */
fcs_status fcs_devices_open(fcs_context *ctx, const char *word, bool untrusted);
/* A row a device, behind the CPU's: number, name, kind, platform, memory and what else a user
 * wants to know. */
fcs_status fcs_devices_list(fcs_context *ctx, fcs_table *t);

#endif

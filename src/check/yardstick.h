/* yardstick.h: what the machine itself can do, to measure other things by. Each call measures once,
 * so that measurements can alternate with what they are compared with. */
#ifndef FCS_YARDSTICK_H
#define FCS_YARDSTICK_H

#include "base/base.h"

typedef struct fcs_yardstick fcs_yardstick;
fcs_status fcs_yardstick_new(fcs_context *ctx, fcs_yardstick **out);
void fcs_yardstick_free(fcs_yardstick *y);
const char *fcs_yardstick_isa(const fcs_yardstick *y); /* in use; NULL: a device */
double fcs_yardstick_peak(
    const fcs_yardstick *y); /* GFLOP/s of multiply-adds in registers; NaN on a device */
double fcs_yardstick_gemm(const fcs_yardstick *y); /* GFLOP/s of a 2048^3 product of ours */
double fcs_yardstick_copy(const fcs_yardstick *y); /* GB/s read and written, beyond the caches */

#endif

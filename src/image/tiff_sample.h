/* tiff_sample.h: stored samples of any width and format, in the machine's byte order, to those of
 * fcs_image. */
#ifndef FCS_TIFF_SAMPLE_H
#define FCS_TIFF_SAMPLE_H

#include "facies.h"

/* n samples from number `first` of a row in steps of `step`, to every `channels`-th sample of the
 * image's row. */
typedef struct fcs_unpack_row {
    const uint8_t *row;
    int64_t first;
    int step;
    int64_t n;
    int bits, channels;
    void *to;
} fcs_unpack_row;
typedef void fcs_unpack(const fcs_unpack_row *r);

typedef struct fcs_sample_kind {
    int bits, format; /* format as in the TIFF tag: 1 unsigned, 2 signed, 3 float */
    fcs_sample sample;
    double unit; /* see fcs_facts */
    fcs_unpack *unpack;
} fcs_sample_kind;
const fcs_sample_kind *fcs_sample_kind_of(int bits, int format); /* NULL: not read */

/* Sample i of 1, 2, 4 or 8 bits, the most significant first. */
unsigned fcs_unpack_bits(const uint8_t *row, int64_t i, int bits);

#endif

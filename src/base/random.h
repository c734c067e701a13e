/* random.h: raw words of the random streams, for normal.c. */
#ifndef FCS_RANDOM_H
#define FCS_RANDOM_H

#include "base/base.h"

/* Word `index` of the stream; n words from `first` on. */
uint32_t fcs_random_word(uint64_t seed, uint64_t step, uint32_t stream, uint64_t index);
void fcs_random_words(uint64_t seed, uint64_t step, uint32_t stream, uint64_t first, size_t n,
                      uint32_t *y);

#endif

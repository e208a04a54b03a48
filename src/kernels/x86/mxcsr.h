/* SPDX-License-Identifier: Apache-2.0 */
/* Denormals as zero on input and output, nearest even, exceptions masked; and back. */
#ifndef KERNELS_X86_MXCSR_H
#define KERNELS_X86_MXCSR_H

#include <immintrin.h>

static inline unsigned long fp_mode_flush(void)
{
    unsigned saved = _mm_getcsr();
    _mm_setcsr(0x1F80u | _MM_FLUSH_ZERO_ON | 0x40u); /* 0x40: denormals are zeros */
    __asm__ volatile("" ::: "memory");               /* no arithmetic on memory moves across */
    return saved;
}

static inline void fp_mode_restore(unsigned long saved)
{
    __asm__ volatile("" ::: "memory");
    _mm_setcsr((unsigned)saved);
}

#endif

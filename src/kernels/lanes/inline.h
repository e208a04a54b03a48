/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KERNELS_LANES_INLINE_H
#define KERNELS_LANES_INLINE_H

/* Never a call: a body that an instruction-set file emits must not be what another file links to.
 */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

#endif
